#!/bin/sh
# Makes a folder in which programs can import the client and the libraries, without a
# download: home.sh CLIENT LIBRARIES FOLDER
#
# The client is built, packed as for a publication, and installed from that. It is built
# in a folder of its own, so that others may build it at the same time.
set -eu

client=$(cd "$1" && pwd) libraries=$(cd "$2" && pwd)
mkdir -p "$3/client"
cd "$3"
cp -R "$client/src" "$client"/*.json client
ln -s "$client/node_modules" client/node_modules
(cd client && npm run build && npm pack --silent --ignore-scripts)
echo '{ "private": true, "type": "module" }' >package.json
npm install --offline --ignore-scripts --no-audit --no-fund ./client/*.tgz
ln -s "$libraries"/node_modules/* node_modules
ln -s "$libraries"/*.js "$libraries"/*.mjs .
