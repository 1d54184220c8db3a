#!/bin/bash
# The manual's recipes for Kubernetes, GitLab CI and GitHub Actions are what these accept, as far as
# programs tell that check such files. They are packages of npm, of the versions in tests/recipes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"

need git node npm python3

PROGRAMS=$WORK/programs/node_modules/.bin
mkdir "$WORK/programs" "$WORK/project"
cp "$TOP"/tests/recipes/{package.json,package-lock.json,kubernetes.js} "$WORK/programs"
# Nothing that a package brings is run when it is installed.
(cd "$WORK/programs" && npm ci --ignore-scripts --no-audit --no-fund --silent) ||
    skip_all "the packages of npm could not be fetched"

# accepted FILE: whether what reads such files accepts it.
accepted() {
    case $1 in
    *.kubernetes.yml) node "$WORK/programs/kubernetes.js" "$1" ;;
    *.gitlab.yml) "$PROGRAMS/gitlab-ci-local" --file "$1" --list ;;
    *.github.yml) "$PROGRAMS/action-validator" "$1" ;;
    *) false ;;
    esac
}

# rejected FILE CHANGE: whether it is not accepted any more after CHANGE, an expression of sed.
rejected() {
    sed "$2" "$1" > "wrong.$1"
    ! cmp --quiet "$1" "wrong.$1" && ! accepted "wrong.$1"
}

cd "$WORK/project" || exit
git init --quiet .
git -c user.name=x -c user.email=x@localhost commit --quiet --allow-empty -m x
git remote add origin git@localhost:group/project.git
mapfile -t recipes < <("$TOP/tests/recipes/blocks.py" "$TOP/host/manual/vmbuild.1.in" .)
is "recipes" "${recipes[*]}" \
    "1.kubernetes.yml 2.github.yml 3.gitlab.yml 4.github.yml 5.gitlab.yml 6.kubernetes.yml 7.gitlab.yml 8.github.yml"
for recipe in "${recipes[@]}"; do
    ok "$recipe" accepted "$recipe"
done
ok "a Pod that is wrong" rejected 1.kubernetes.yml 's/cpu: .*/cpu: []/'
ok "a Job that is wrong" rejected 6.kubernetes.yml 's/backoffLimit: .*/backoffLimit: many/'
ok "a workflow that is wrong" rejected 8.github.yml 's/runs-on/runs-at/'
ok "a pipeline that is wrong" rejected 7.gitlab.yml 's/script:/skript:/'
ok "a job with the name of a keyword" rejected 3.gitlab.yml 's/^build:/image:/'
like "the pipeline of several images: what a job waits for" "$(accepted 7.gitlab.yml 2>&1)" \
    '^service .*\[tools,runtime\]'

done_testing
