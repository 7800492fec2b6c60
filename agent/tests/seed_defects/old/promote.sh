#!/bin/bash
# The backup, deploy_preprod_to_prod.sh and the health check of the production workflow.
backup="$ROOM/backups/prod-$(date +%Y%m%d).tar"
mkdir -p "$ROOM/backups"
test -e "$backup" || tar -C "$ROOM/prod" -cf "$backup" .
cp "$ROOM/live/page.txt" "$ROOM/prod/page.txt"
grep -q bad "$ROOM/prod/page.txt" && echo "$backup" > "$ROOM/offered"
exit 0
