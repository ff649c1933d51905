#!/bin/sh
# Starts the Functions host as the base image does, and keeps the advisories new beside it: until the first
# are there the app judges nothing, and each fetch is proved on a canary before it counts.
set -eu

(
    while :; do
        if pushscan advisories update; then sleep 21600; else sleep 300; fi
    done
) &

exec /opt/startup/start_nonappservice.sh
