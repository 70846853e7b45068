# syntax=docker/dockerfile:1
# Stage 1: the environment and the model pack, with everything that is needed only to build them.
FROM python:3.11-slim-bookworm AS builder
# The distribution drops superseded versions, so a pinned one would break the build within weeks.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python -m venv /opt/wardwatch
ENV PATH=/opt/wardwatch/bin:$PATH
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY service ./service
COPY edge_agent ./edge_agent
RUN pip install --no-cache-dir --no-deps --no-build-isolation .
COPY models /models
RUN WARDWATCH_MODELS_DIR=/models WARDWATCH_CACHE_DIR=/var/cache/wardwatch wardwatch models fetch \
    && WARDWATCH_MODELS_DIR=/models wardwatch models verify

# Stage 2: what runs.
FROM python:3.11-slim-bookworm AS runtime
# The distribution drops superseded versions, so a pinned one would break the build within weeks.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 wardwatch \
    && useradd --uid 10001 --gid wardwatch --no-create-home --home-dir /data --shell /usr/sbin/nologin wardwatch \
    && install --directory --owner=wardwatch --group=wardwatch --mode=0700 /data
COPY --from=builder /opt/wardwatch /opt/wardwatch
COPY --from=builder /models /models
ENV PATH=/opt/wardwatch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    WARDWATCH_DATA_DIR=/data \
    WARDWATCH_MODELS_DIR=/models \
    WARDWATCH_HOST=0.0.0.0 \
    WARDWATCH_PORT=8765
USER 10001:10001
WORKDIR /data
VOLUME ["/data"]
EXPOSE 8765
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8765/readyz', timeout=8)"]
ENTRYPOINT ["tini", "--", "wardwatch"]
CMD ["serve"]
