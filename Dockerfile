# pandium-sidecar in an image of its own: one static binary, and nothing that could run beside it.
#
#   docker build -t registry.example/pandium-sidecar:0.1.0 .
#
# For amd64 and arm64: `docker buildx build --platform linux/amd64,linux/arm64 …` runs the first stage
# once on each. Builders that do not say for whom they build get the machine's own architecture.

# The compiler: `rust-version` in Cargo.toml, or any newer stable one.
ARG RUST_VERSION=1.95

FROM rust:${RUST_VERSION}-slim-bookworm AS build
# jemalloc is built with make, which the slim image lacks. It stays in this stage: no version is pinned.
# hadolint ignore=DL3008
RUN apt-get update \
 && apt-get install --yes --no-install-recommends make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY src src
ARG TARGETARCH
# Static, so that it needs no file of the system's. Naming the target keeps the flag away from what
# cargo itself runs while it builds.
RUN case "${TARGETARCH:-$(dpkg --print-architecture)}" in \
      amd64) target=x86_64-unknown-linux-gnu ;; \
      arm64) target=aarch64-unknown-linux-gnu ;; \
      *) echo "for amd64 and arm64 alone, not ${TARGETARCH}" >&2; exit 1 ;; \
    esac \
 && RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" \
 && cp "target/$target/release/pandium-sidecar" /pandium-sidecar

FROM gcr.io/distroless/static-debian12:nonroot
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pandium-sidecar" \
      org.opencontainers.image.description="Turns a web app's sessions into Pandium's tenant token, and sends visitors there" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /pandium-sidecar /pandium-sidecar
# By number: Kubernetes cannot tell from a name that it is not root (`runAsNonRoot`).
USER 65532:65532
ENV PANDIUM_SIDECAR_CONFIG=/etc/pandium-sidecar/config.yaml
EXPOSE 8710
# For Docker and podman; Kubernetes has probes of its own, and does not look at this.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/pandium-sidecar", "healthcheck"]
ENTRYPOINT ["/pandium-sidecar"]
CMD ["serve"]
