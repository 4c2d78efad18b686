# syntax=docker/dockerfile:1
# Node 24: long-term support, and newer time zone data than Node 20 has.
FROM node:24-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /lovage
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY . .
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
ENV NODE_ENV=production
COPY --from=build /lovage/package.json /lovage/schedule.schema.json /opt/lovage/
COPY --from=build /lovage/node_modules /opt/lovage/node_modules
COPY --from=build /lovage/dist /opt/lovage/dist
# Projects below /app find the package as if they had installed it.
RUN ln -s /opt/lovage/dist/cli/beat.js /usr/local/bin/beat \
  && ln -s /opt/lovage/dist/cli/worker.js /usr/local/bin/worker \
  && ln -s /opt/lovage/dist/cli/main.js /usr/local/bin/lovage \
  && mkdir -p /app /data /node_modules && ln -s /opt/lovage /node_modules/lovage && chown node:node /app /data
USER node
WORKDIR /app
VOLUME /app
# Fails when no beat has looked at the clock for a while; name another beat-record by LOVAGE_BEAT_SCHEDULE_FILENAME.
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["beat", "status"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["beat"]
CMD ["--schedules", "schedules"]
