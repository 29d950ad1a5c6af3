#!/usr/bin/env bash
# Asks a server by the Open Inference Protocol with curl and grpcurl:
#
#	inference.sh HOST:PORT
#
# It has the models that clients_test.go starts it with. Descriptions of messages
# come from the server, by reflection.
set -euo pipefail
server=$1
want() { # TEXT COMMAND...: the command's output has the text
	local text=$1 out
	shift
	out=$("$@" 2>&1) || true
	grep -qF -- "$text" <<<"$out" || { printf '%s: want %s, got %s\n' "$*" "$text" "$out" >&2; exit 1; }
}
row=$(printf '0,%.0s' $(seq 783))0

want '"live":true' curl -sS "http://$server/v2/health/live"
want '"ready":true' curl -sS "http://$server/v2/models/digits/ready"
want '"datatype":"BYTES"' curl -sS "http://$server/v2/models/digits"
want '"label_probabilities","datatype":"FP32","shape":[1,10]' curl -sS "http://$server/v2/models/digits/infer" \
	-d "{\"inputs\":[{\"name\":\"image\",\"shape\":[1,784],\"datatype\":\"UINT8\",\"data\":[$row]}]}"
want '"error":"there is no model' curl -sS "http://$server/v2/models/none"
want '404' curl -sS -o /dev/null -w '%{http_code}' "http://$server/v2/models/none"

want 'inference.GRPCInferenceService' grpcurl -plaintext "$server" list
want 'rpc ModelInfer' grpcurl -plaintext "$server" describe inference.GRPCInferenceService
want '"SERVING"' grpcurl -plaintext "$server" grpc.health.v1.Health/Check
want '"SERVING"' grpcurl -plaintext -d '{"service":"digits"}' "$server" grpc.health.v1.Health/Check
want 'NotFound' grpcurl -plaintext -d '{"service":"none"}' "$server" grpc.health.v1.Health/Check
want '"live": true' grpcurl -plaintext "$server" inference.GRPCInferenceService/ServerLive
want '"platform": "gradus"' grpcurl -plaintext -d '{"name":"digits"}' "$server" inference.GRPCInferenceService/ModelMetadata
want '"rawOutputContents"' grpcurl -plaintext -d "{\"model_name\":\"digits\",\"inputs\":[{\"name\":\"image\",\"datatype\":\"UINT8\",\"shape\":[1,784],\"contents\":{\"uint_contents\":[$row]}}]}" \
	"$server" inference.GRPCInferenceService/ModelInfer
want 'no model "none"' grpcurl -plaintext -d '{"name":"none"}' "$server" inference.GRPCInferenceService/ModelMetadata
echo "curl and grpcurl: all is well"
