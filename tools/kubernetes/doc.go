// Package kubernetes holds the tests of deploy/kubernetes, deploy/helm and
// deploy/gateway-api: "make check-deploy". They have a module of their own, because
// Helm, Kustomize and kubeconform are libraries of a hundred modules that nothing
// else needs.
package kubernetes
