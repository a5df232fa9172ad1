#!/usr/bin/env bash
# Train with several GPUs: tools/dist_train.sh CONFIG GPUS [arguments of tools/train.py]
# Of several nodes, each runs it with NNODES, its NODE_RANK, and the first node's MASTER_ADDR and PORT.
# Where there is no GPU, GPUS is the number of processes.
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: [NNODES=2 NODE_RANK=0 MASTER_ADDR=... PORT=29500] $0 CONFIG GPUS [arguments of tools/train.py]" >&2
    exit 2
fi
exec "${PYTHON:-python}" -m torch.distributed.run \
    --nnodes="${NNODES:-1}" --node_rank="${NODE_RANK:-0}" --nproc_per_node="$2" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" --master_port="${PORT:-29500}" \
    "$(dirname "$0")/train.py" "$1" --launcher pytorch "${@:3}"
