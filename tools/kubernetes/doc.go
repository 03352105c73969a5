// Package kubernetes holds the tests of deploy/kubernetes, deploy/helm,
// deploy/gateway-api and docker-compose.yml: "make check-deploy". They have a module of
// their own, because Helm, Kustomize, kubeconform and Compose are libraries of a hundred
// modules that nothing else needs.
package kubernetes
