#!/usr/bin/env bash
# Packs everything that an installation without a network needs into one archive under dist/.
#   build.sh                 the whole bundle, for this platform and this Python
#   build.sh --manifest DIR  only the list of checksums of a folder that is there already
set -euo pipefail

# Every file of folder $1 but the list itself, with its sha256, in an order that does not depend on the machine.
manifest() (
    cd "$1"
    find . -type f ! -path ./SHA256SUMS -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum >SHA256SUMS
)

if [[ "${1:-}" == --manifest ]]; then
    manifest "$2"
    exit 0
fi

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
python=${PYTHON:-.venv/bin/python}
models=models/wardwatch-default
[[ -f $models/manifest.json ]] || { echo "the model pack is not prepared: make models" >&2; exit 1; }

version=$("$python" -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])')
platform=$("$python" -c 'import sys, sysconfig; print(f"{sysconfig.get_platform()}-py{sys.version_info[0]}{sys.version_info[1]}")')
name=wardwatch-$version-$platform
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bundle=$work/$name
mkdir -p "$bundle/wheels" "$bundle/models" dist

echo "the locked packages …"
"$python" -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
    --dest "$bundle/wheels" --requirement requirements.lock
echo "wardwatch itself …"
mkdir "$work/source"
cp -R pyproject.toml README.md LICENSE service edge_agent "$work/source/"
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
    --wheel-dir "$bundle/wheels" "$work/source"

wheel=$(cd "$bundle/wheels" && echo wardwatch-*.whl)
digest=$(sha256sum "$bundle/wheels/$wheel" | cut -d' ' -f1)
echo "wardwatch==$version --hash=sha256:$digest" >"$bundle/wardwatch.lock"
"$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' >"$bundle/python-version"
cp requirements.lock README.md LICENSE CHANGELOG.md "$bundle/"
cp -R docs "$bundle/docs"
cp -R deploy "$bundle/deploy" # units, settings and alert rules of server and boxes
mkdir "$bundle/$models"
cp -R "$models"/*.onnx "$models"/manifest.json "$models"/MODEL* "$bundle/$models/"
install -m 0755 deploy/bundle/install.sh "$bundle/install.sh"
manifest "$bundle"

tar --create --gzip --file "dist/$name.tar.gz" --directory "$work" --owner=0 --group=0 "$name"
(cd dist && sha256sum "$name.tar.gz" >"$name.tar.gz.sha256")
echo "dist/$name.tar.gz ($(du -h "dist/$name.tar.gz" | cut -f1)); its checksum is beside it: carry that on another way"
