#!/bin/bash
# A guest that lies in the protocol (protocol_lies.c).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
# shellcheck source=tests/hostile/hostile.sh
. "$(dirname "$0")/hostile.sh"

play_lies protocol
