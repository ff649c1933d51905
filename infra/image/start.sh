#!/bin/sh
# Starts the Functions host as the base image does, and sees beside it that there are advisories: until the
# first are there the app judges nothing. Later ones come by the app's own clock.
set -eu

(
    until pushscan advisories update; do sleep 300; done
) &

exec /opt/startup/start_nonappservice.sh
