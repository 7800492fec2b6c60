#!/bin/bash
# Stands for the step "État des environnements" of `cd-prod.yml`. 10_preprod and 20_prod are folders of
# one clone.
cd "$LIVE" && echo "PROD: $(git log -1 --format=%s)"
