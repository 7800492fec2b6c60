#!/bin/bash
# Stands for the step "Restart container" of `cd-preprod.yml` and `cd-prod.yml`.
docker-compose -f "$COMPOSE_FILE" restart
