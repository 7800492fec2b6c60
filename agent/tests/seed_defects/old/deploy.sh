#!/bin/bash
# Stands for `cd-preprod.yml`, phase 1 ("Déploiement Immédiat"). GitHub runs such steps with `bash -e`.
set -e
[ -e "$STATE" ] || git rev-parse HEAD >"$STATE" # Save rollback point
tell started
git fetch --quiet origin main
git reset --quiet --hard "$SHA"
docker-compose restart
for _ in 1 2 3; do # Quick health check
    curl --fail "$URL" && break
    sleep 10
done
tell live # Déploiement terminé, CI en cours
