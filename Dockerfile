# Builds the one binary, and puts it into a small image that runs it as an ordinary user.
#
#   docker build -t longshore .

# The picker widget is built by Node, which Debian's own packages have too old.
FROM node:22-bookworm-slim AS node

FROM rust:1-slim-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=node /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /build
# What the build reads, and nothing else: a change of a document builds nothing anew.
COPY Cargo.toml Cargo.lock build.rs ./
COPY src src
# Named in Cargo.toml, so cargo wants to see it, though it is not built.
COPY benches benches
COPY web web
# The caches stay on the machine that builds and are no part of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --release --locked --bin longshore \
    && cp target/release/longshore /usr/local/bin/longshore

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin longshore \
    && install -d -o longshore -g longshore -m 0750 /var/lib/longshore
COPY --from=build /usr/local/bin/longshore /usr/local/bin/longshore
COPY LICENSE /usr/share/doc/longshore/LICENSE
USER longshore
ENV LONGSHORE_LISTEN=0.0.0.0:8080 \
    LONGSHORE_DATA_DIR=/var/lib/longshore
VOLUME /var/lib/longshore
EXPOSE 8080
ENTRYPOINT ["longshore"]
CMD ["serve"]
