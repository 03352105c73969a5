# The service in an image that holds one static binary and the certificates of
# the public authorities (for issuers' keys over https): no shell, no packages.
#
#   docker build --build-arg VERSION=$(git describe --tags --always) -t wsticket .

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X main.version=${VERSION}" -o /out/wsticket ./cmd/wsticket

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/wsticket /wsticket
# A number, so that Kubernetes can tell that it is not root.
USER 65532:65532
# 8080 is for clients. 8081 is for operators, and by default answers on the
# loopback of the container only.
EXPOSE 8080 8081
# For every command: the health check has to know where the internal listener is.
ENV WSTICKET_CONFIG=/etc/wsticket/wsticket.yaml
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["/wsticket", "health"]
ENTRYPOINT ["/wsticket"]
CMD ["serve"]
