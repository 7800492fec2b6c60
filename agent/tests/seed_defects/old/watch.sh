#!/bin/bash
# Stands for `/tmp/watch-ci-SHA.sh`, the watcher that `cd-preprod.yml` leaves in the background (phase 2).
sleep 30 # Wait for the CI to start
for _ in {1..30}; do
    conclusion=$(gh run list --limit 10 --json headSha,name,conclusion | grep "$SHA.CI Pipeline" | cut -f3)
    case $conclusion in
        success) echo "$SHA" >"$STATE"; tell validated; exit ;;
        failure | cancelled)
            git reset --quiet --hard $(cat "$STATE")
            docker-compose restart
            curl --fail "$URL"
            tell rolled_back; exit ;;
    esac
    sleep 10
done
