# bash completion for perpctl, perpcore-console, perp-scenario and perp-replay

_perpctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command= i
    local commands="status jobs positions orders explain rules latches compliance feasibility pause resume set-risk-mode override kill
        reset-halt resolve resume-repair accept flatten cancel"
    local options="--url --token-file --actor --reason --json --help --version"
    COMPREPLY=()
    case $before in
    --token-file)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --url | --actor | --reason | --ttl-ms | --job | --exchange) return ;;
    --state)
        mapfile -t COMPREPLY < <(compgen -W "new open in_doubt filled cancelled expired declined
            rejected not_ended" -- "$word")
        return
        ;;
    set-risk-mode)
        mapfile -t COMPREPLY < <(compgen -W "conservative balanced aggressive" -- "$word")
        return
        ;;
    override | kill)
        mapfile -t COMPREPLY < <(compgen -W "on off" -- "$word")
        return
        ;;
    esac
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ " ${commands//$'\n'/ } " == *" ${COMP_WORDS[i]} "* ]] && command=${COMP_WORDS[i]}
    done
    case $command in
    "") options="$commands $options" ;;
    status) options+=" --watch" ;;
    jobs) options+=" --pending" ;;
    orders) options+=" --job --state" ;;
    override) options+=" --ttl-ms --job" ;;
    kill | accept | flatten) options+=" --exchange" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
}
complete -F _perpctl perpctl

_perpcore_console() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --token-file | --store | --market)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        ;;
    --listen | --keep-events | --speed | --seed) ;;
    *)
        mapfile -t COMPREPLY < <(compgen -W \
            "--listen --token-file --store --keep-events --market --speed --seed --help --version" -- "$word")
        ;;
    esac
}
complete -F _perpcore_console perpcore-console

_perp_scenario() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --store ]; then
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "--store --help --version" -- "$word")
    fi
}
complete -F _perp_scenario perp-scenario

_perp_replay() {
    local word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    case ${COMP_WORDS[COMP_CWORD - 1]} in
    --to | --explain) return ;;
    esac
    case $word in
    -*)
        mapfile -t COMPREPLY < <(compgen -W "--to --explain --json --help --version" -- "$word")
        ;;
    *) mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    esac
}
complete -F _perp_replay perp-replay
