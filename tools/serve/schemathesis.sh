#!/usr/bin/env bash
# Asks a server what its OpenAPI document says that it answers, and much that it
# should not, and fails where it doesn't do as the document says.
#
#	tools/serve/schemathesis.sh http://127.0.0.1:8080 [OPTION...]
#
# Needs schemathesis 4.32 (PyPI), whose program may be named by SCHEMATHESIS.
# Options are those of "schemathesis run".
set -euo pipefail
url=$1
shift
here=$(cd "$(dirname "$0")" && pwd)
cd "$(mktemp -d)" # it leaves its memory where it runs
"${SCHEMATHESIS:-schemathesis}" --config-file "$here/schemathesis.toml" run "$url/openapi.json" \
	--checks all --seed 1 --no-shrink --continue-on-failure --suppress-health-check all --warnings off "$@"
