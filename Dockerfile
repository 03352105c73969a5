# An image that contains one static binary and the certificates of the public
# authorities (for issuers' keys over https). It has no shell and no packages.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) \
#     --build-arg COMMIT=$(git rev-parse HEAD) -t wsticket .

# The release that go.mod names. docs/upgrade.md says how to pin it by its digest.
FROM golang:1.26.9 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
ARG COMMIT
ARG COMMIT_DATE
RUN stamp=wsticket/internal/buildinfo && CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X $stamp.version=$VERSION -X $stamp.commit=$COMMIT -X $stamp.date=$COMMIT_DATE" \
    -o /out/wsticket ./cmd/wsticket

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/wsticket /wsticket
# A numeric ID, so that Kubernetes can check that it is not root.
USER 65532:65532
# 8080 is the public listener. 8081 is the internal one, which by default listens
# only on the loopback of the container.
EXPOSE 8080 8081
# For every command, because the health check needs the address of the internal
# listener.
ENV WSTICKET_CONFIG=/etc/wsticket/wsticket.yaml
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/wsticket", "health"]
ENTRYPOINT ["/wsticket"]
CMD ["serve"]
