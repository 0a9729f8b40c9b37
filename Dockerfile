# Build: docker build -t kubelet-cert-exporter .       (or podman, buildah)
# Run:   docker run --read-only --cap-drop=ALL -p 10087:10087 -v /etc/kubelet-cert-exporter:/etc/kubelet-cert-exporter:ro -v kubelet-cert-exporter:/var/lib/kubelet-cert-exporter kubelet-cert-exporter
#
# It runs as uid 10087, which must be able to read what is mounted: chown 10087 id_ed25519.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY setup.cfg pyproject.toml README.md ./
COPY exporter exporter
RUN python3 -m venv /opt/kubelet-cert-exporter \
    && /opt/kubelet-cert-exporter/bin/pip install --no-cache-dir '.[fast]' \
    && /opt/kubelet-cert-exporter/bin/pip uninstall -y setuptools pip

FROM ${BASE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10087 exporter \
    && install --directory --owner=10087 --group=10087 --mode=0700 /var/lib/kubelet-cert-exporter \
    && useradd --system --uid 10087 --gid 10087 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin exporter
COPY --from=build /opt/kubelet-cert-exporter /opt/kubelet-cert-exporter
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# the store: a volume with a name keeps it for the next container
VOLUME /var/lib/kubelet-cert-exporter
USER 10087:10087
EXPOSE 10087
HEALTHCHECK --interval=30s --timeout=5s \
    CMD ["/opt/kubelet-cert-exporter/bin/python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:10087/-/healthy', timeout=3)"]
ENTRYPOINT ["/opt/kubelet-cert-exporter/bin/kubelet-cert-exporter"]
CMD ["run", "--config.file=/etc/kubelet-cert-exporter/config.yaml"]
