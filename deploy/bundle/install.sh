#!/usr/bin/env bash
# Installs wardwatch from this folder, without a network, into a folder of its own.
#   ./install.sh --check       only look whether the bundle is whole and unchanged
#   ./install.sh /opt/wardwatch
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=${PYTHON:-python3}

fail() {
    echo "install.sh: $*" >&2
    exit 1
}

# Each file has the checksum of the list, and there is no file that the list does not know.
verify() (
    cd "$here"
    [[ -f SHA256SUMS ]] || fail "SHA256SUMS is missing: take the whole bundle"
    if grep -qvE '^[0-9a-f]{64}  [^/].*$' SHA256SUMS || grep -qE '(^|[ /])\.\.(/|$)' SHA256SUMS; then
        fail "SHA256SUMS holds a line that is no checksum of a file in this folder: take the bundle again"
    fi
    sha256sum --check --strict --quiet SHA256SUMS || fail "the bundle was damaged or changed: take it again"
    if [[ -n $(find . -type l -print -quit) ]]; then
        fail "the bundle holds a link, which it never does: take it again"
    fi
    local unknown
    unknown=$(comm -13 <(cut -c67- SHA256SUMS | LC_ALL=C sort) \
        <(find . -type f ! -path ./SHA256SUMS -printf '%P\n' | LC_ALL=C sort))
    [[ -z $unknown ]] || fail "not part of the bundle: $(head -n 3 <<<"$unknown" | tr '\n' ' ')"
)

[[ $# -eq 1 ]] || fail "say where to: install.sh FOLDER, or install.sh --check"
verify
echo "the bundle is whole"
[[ $1 == --check ]] && exit 0

target=$1
[[ ! -e $target/bin ]] || fail "$target holds an installation already: choose another folder, or move it away"
wanted=$(<"$here/python-version")
found=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])') || fail "no $python here: install Python $wanted"
[[ $found == "$wanted" ]] || fail "the bundle is for Python $wanted, $python is $found: PYTHON=python$wanted ./install.sh …"

mkdir -p "$target"
"$python" -m venv "$target" || fail "Python has no venv: install your system's python3-venv package"
pip=("$target/bin/python" -m pip install --quiet --disable-pip-version-check --no-index --require-hashes)
"${pip[@]}" --find-links "$here/wheels" --requirement "$here/requirements.lock"
"${pip[@]}" --find-links "$here/wheels" --no-deps --requirement "$here/wardwatch.lock"
cp -R "$here/models" "$here/docs" "$target/"
echo "installed into $target; the models are in $target/models: WARDWATCH_MODELS_DIR=$target/models $target/bin/wardwatch doctor"
