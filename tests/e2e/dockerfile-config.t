#!/bin/bash
# How Dockerfiles configure images: what vmbuild makes of them is what Docker does. And what of
# tests/dockerfiles/cases.txt the files beside this one leave out.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/dockerfiles.sh
. "$(dirname "$0")/../dockerfiles.sh"

prepare_dockerfiles

# --- Configuration

compare_all 'cmd-*' 'entrypoint*' 'label*' 'expose*' 'volume*' stopsignal 'healthcheck*' user maintainer

# --- Triggers

compare_all 'onbuild*'

# --- Every Dockerfile

patterns=$(sed -n "s/^compare_all //p" "$TOP"/tests/e2e/dockerfile-*.t | tr -d "'" | tr ' ' '\n')
left=()
while read -r name; do
    while read -r pattern; do
        # shellcheck disable=SC2053 # it is a pattern
        [[ ! $name == $pattern ]] || continue 2
    done <<< "$patterns"
    left+=("$name")
done < <(case_names)
is "every Dockerfile is compared" "${left[*]}" "base with-cmd with-triggers"
is "there are more than sixty" "$(($(case_names | wc -l) > 60))" 1

done_testing
