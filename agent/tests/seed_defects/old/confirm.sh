#!/bin/bash
# Stands for the first step of `cd-prod.yml`, `if: inputs.confirm == 'DEPLOY'`: GitHub's `==` does not
# look at the case of letters.
shopt -s nocasematch
[[ $CONFIRM == DEPLOY ]]
