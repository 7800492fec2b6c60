#!/bin/bash
# Stands for the check of the containers after the restart in `cd-preprod.yml` and `cd-prod.yml`.
docker ps --filter "name=$CONTAINER" | grep healthy
