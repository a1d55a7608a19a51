# What the checks of this folder share; sourced at the top of the repository.

target=${CARGO_TARGET_DIR:-$PWD/target}
tools=$PWD/target/infra-tools
scratch=$(mktemp -d)
log=$scratch/step.log
emulator=

export AWS_DEFAULT_REGION=eu-west-1 SAM_CLI_TELEMETRY=0
# Whatever profile the person has: nothing here may reach AWS.
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_CONFIG_FILE=/dev/null AWS_SHARED_CREDENTIALS_FILE=/dev/null AWS_EC2_METADATA_DISABLED=true
unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_REGION

# bounded SECONDS "$0" "$@": runs this script once more, for so long at most; `timeout` makes a process group of it, and ends that whole.
bounded() {
    seconds_max=$1
    shift
    if [ -z "${INFRA_BOUNDED-}" ]; then
        rmdir "$scratch"
        INFRA_BOUNDED=1 exec timeout --kill-after=30 "$seconds_max" "$@"
    fi
    unset INFRA_BOUNDED
    trap cleanup EXIT
    trap 'exit 130' INT
    trap 'echo "FAIL  not done within $seconds_max s"; exit 124' TERM
}

cleanup() {
    stop_emulator
    rm -rf "$scratch"
}

stop_emulator() {
    if [ -n "$emulator" ]; then
        kill "$emulator" 2>/dev/null
        wait "$emulator" 2>/dev/null
    fi
    emulator=
}

step() {
    local name=$1 began=$SECONDS
    shift
    if "$@" >"$log" 2>&1; then
        printf 'ok    %-34s %4d s\n' "$name" $((SECONDS - began))
    else
        printf 'FAIL  %s: %s\n\n' "$name" "$*"
        tail -n 200 "$log"
        exit 1
    fi
}

# installed NAME REQUIREMENT...: a virtual environment, unless it is there. Each its own: they disagree about boto3.
installed() {
    local folder=$tools/$1
    shift
    [ -e "$folder/complete" ] && return
    rm -rf "$folder"
    python3 -m venv "$folder" && "$folder/bin/pip" install --quiet "$@" && touch "$folder/complete"
}

# It expands SAM templates with the translator, and brings the boto3 that the checks talk with.
install_ministack() {
    installed ministack-1.5.33 ministack==1.5.33 aws-sam-translator==1.115.0 boto3
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# answers URL: waits until the emulator that was started last answers there, whatever it says.
answers() {
    for _ in $(seq 240); do
        kill -0 "$emulator" 2>/dev/null || break
        curl --silent --output /dev/null --max-time 2 "$1" && return
        sleep 0.25
    done
    tail -n 50 "$scratch/emulator.log"
    return 1
}

# start_ministack [NAME=VALUE...]: an emulator of AWS that is not ours, at AWS_ENDPOINT_URL.
start_ministack() {
    local port
    port=$(free_port)
    export AWS_ENDPOINT_URL=http://127.0.0.1:$port
    # Its caches go into our folder, and the functions find it by AWS_ENDPOINT_URL. It would look for due schedules every ten seconds.
    local launch='from ministack.services import scheduler; scheduler._SCHEDULE_TICK_INTERVAL = 1; from ministack.app import main; main()'
    env "$@" TMPDIR="$scratch" BIND_HOST=127.0.0.1 GATEWAY_PORT="$port" MINISTACK_HOST=127.0.0.1 MINISTACK_REGION=$AWS_DEFAULT_REGION \
        IOT_MTLS_ENABLED=0 SFTP_ENABLED=0 "$tools/ministack-1.5.33/bin/python" -c "$launch" >"$scratch/emulator.log" 2>&1 &
    emulator=$!
    answers "$AWS_ENDPOINT_URL/_ministack/health"
}
