# The collector. Build from the repository's root: docker build -f deploy/images/collector.Dockerfile .
ARG BUILD_IMAGE=node:24-bookworm-slim
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY apps apps
COPY libs libs
COPY scripts scripts
RUN node node_modules/@typescript/native/bin/tsc -p tsconfig.build.json \
  && node scripts/pack.mjs dist
# What runs: the compiled apps, their dependencies and the runtime that the lockfile pins, not the build image's.
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && mkdir -p /app/bin \
  && mv node_modules/node-linux-*/bin/node /app/bin/node \
  && rm -rf node_modules/node-linux-* \
  && mv package.json dist node_modules /app/

# ICMP probes run Debian's ping, which opens sockets that need no right where net.ipv4.ping_group_range has its group.
FROM ${BUILD_IMAGE} AS ping
# As Debian was when the build image was made, so that the digest of that one says which ping it is.
RUN sed -i -E '/^# http:\/\/snapshot\.debian\.org\//{N;s|^# (\S+)\nURIs: .*|URIs: \1|}' /etc/apt/sources.list.d/debian.sources \
  && apt-get -o Acquire::Check-Valid-Until=false update \
  && apt-get install -y --no-install-recommends iputils-ping
# The program, without the capability that its package gives it, and the libraries that the base image lacks.
RUN set -e; program="$(command -v ping)"; \
  install -D -m 0755 "$program" /ping/usr/bin/ping; \
  libraries="$(ldd "$program")"; \
  for library in $(echo "$libraries" | sed -nE 's|.* => (\S+).*|\1|p' | grep -vE '/lib(c|m|resolv)\.so'); do \
    install -D -m 0644 "$library" "/ping/usr${library#/usr}"; \
  done
# What these files are, for who looks through the image's packages, and their licences.
RUN set -e; mkdir -p /ping/var/lib/dpkg/status.d; \
  for package in iputils-ping libcap2 libidn2-0 $(dpkg-query -W -f '${Package} ' 'libunistring[0-9]'); do \
    dpkg-query -s "$package" > "/ping/var/lib/dpkg/status.d/$package"; \
    install -D -m 0644 "/usr/share/doc/$package/copyright" "/ping/usr/share/doc/$package/copyright"; \
  done

FROM ${BASE_IMAGE}
WORKDIR /app
COPY --from=ping /ping /
COPY --from=build /app /app
USER 65532:65532
# One arena for all threads: what each keeps of its own for reuse is as much as the program needs.
ENV NODE_ENV=production BINNACLE_DATA=/var/lib/binnacle BINNACLE_LISTEN=0.0.0.0:9371 MALLOC_ARENA_MAX=1
EXPOSE 9371
VOLUME /var/lib/binnacle
ENTRYPOINT ["/app/bin/node", "/app/dist/apps/collector/src/main.js"]
