# syntax=docker/dockerfile:1
#
# The notebooks, in JupyterLab, whose address with its token is in what it prints:
#   docker build --target cpu -t skinattn .
#   docker run --rm -p 8888:8888 skinattn
# The command line, in the same image:
#   docker run --rm skinattn skinattn demo
#   docker run --rm -v "$PWD":/work -v DIR:/data:ro -e SKINATTN_DATA=/data -w /work skinattn skinattn data check
# With an NVIDIA GPU (docs/gpu.md; NVIDIA's container toolkit on the host):
#   docker build --target cuda -t skinattn-cuda .
#   docker run --rm --gpus all -p 8888:8888 skinattn-cuda
# The command line alone, on a small Debian:
#   docker build --target cli -t skinattn-cli .
#
# None holds photos of patients. The only weights are those of the released model (models/). On Linux, add
# --user "$(id -u):$(id -g)" to the last to write into folders of your own.

ARG GO_VERSION=1.26.8
ARG DEBIAN_CODENAME=bookworm
ARG DEBIAN_VERSION=12.12

FROM golang:${GO_VERSION}-${DEBIAN_CODENAME} AS build
RUN useradd --create-home --uid 1000 skinattn \
    && install --directory --owner=1000 --group=1000 /home/skinattn/src
USER 1000:1000
# Caches in the user's home, so that the notebook's cells find them warm.
ENV HOME=/home/skinattn GOPATH=/home/skinattn/go
WORKDIR /home/skinattn/src
# Alone, so that a change of the code does not fetch the modules again.
COPY --chown=1000:1000 go.mod go.sum ./
RUN go mod download
COPY --chown=1000:1000 . .
RUN go build -trimpath -o /home/skinattn/bin/skinattn ./cmd/skinattn
# doctor tells of a plug-in that can't be had, and does not fail: the file decides.
RUN /home/skinattn/bin/skinattn doctor --fetch --engine cpu \
    && ls /home/skinattn/.local/lib/go-xla/*.so

# The command line alone.
FROM debian:${DEBIAN_VERSION}-slim AS cli
# The XLA plug-in wants the C++ library. Debian keeps only the newest build of a
# version: pins would break the image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates libstdc++6 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 skinattn \
    && install --directory --owner=1000 --group=1000 /work /data
COPY --from=build /home/skinattn/bin/skinattn /usr/local/bin/skinattn
COPY --from=build --chown=1000:1000 /home/skinattn/.local /home/skinattn/.local
USER 1000:1000
# The cache lies where any user may write, for docker run --user.
ENV HOME=/home/skinattn XDG_CACHE_HOME=/tmp/cache SKINATTN_DATA=/data
WORKDIR /work
RUN skinattn doctor
ENTRYPOINT ["skinattn"]
CMD ["--help"]

FROM build AS notebook
USER 0:0
# For the pins, see above.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
USER 1000:1000
ENV PATH=/home/skinattn/bin:$PATH
RUN scripts/notebooks.sh setup && rm -rf /home/skinattn/.cache/pip
# Draws the lesions and trains the run that the notebooks share, and proves that
# the kernel works without a network.
RUN GOPROXY=off scripts/notebooks.sh run --out /tmp/pages 00_start && rm -r /tmp/pages
EXPOSE 8888
HEALTHCHECK --start-period=20s CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://localhost:8888/api', timeout=5)"]
CMD ["scripts/notebooks.sh", "lab", "--ip=0.0.0.0", "--no-browser"]

# The same with CUDA's plug-in and libraries. The build has no GPU, so the files
# are fetched by name.
FROM notebook AS cuda
RUN /home/skinattn/bin/skinattn doctor --fetch --engine cuda \
    && ls /home/skinattn/.local/lib/go-xla/nvidia/*.so

# Last, so that it is what a build without --target makes.
FROM notebook AS cpu
