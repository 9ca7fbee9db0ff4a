#!/usr/bin/env bash
# The two halves of workflows/update.yml. `prepare` updates and tests, and may write nothing;
# `publish` runs nothing of what was updated, and opens the pull request.
set -euo pipefail

branch=template-update
folder=${RUNNER_TEMP:?}/update
run_url=${GITHUB_SERVER_URL:-}/${GITHUB_REPOSITORY:-}/actions/runs/${GITHUB_RUN_ID:-}
export GIT_AUTHOR_NAME="Template update" GIT_AUTHOR_EMAIL=template-update@users.noreply.github.com
export GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL

answer() { sed -n "s/^$1: *//p" .copier-answers.yml | tr -d "'\""; }
say() { printf '::%s::%s\n' "$1" "$2"; }

prepare() {
  local source from conflicts
  source=$(answer _src_path)
  case $source in
    /* | .* | ~* | file:*)
      say notice "The template lies on somebody's machine ($source), where no job finds it: update there."
      return ;;
  esac
  from=$(answer _commit)
  mkdir -p "$folder"
  if ! .venv/bin/app update --no-setup && [ -z "$(git status --porcelain)" ]; then
    say error "The update was refused; the lines above say why. Run 'uv run app update' yourself."
    return 1
  fi
  if [ -z "$(git status --porcelain)" ]; then
    say notice "The project is at the newest version, $from."
    return
  fi
  conflicts=$(git grep --untracked -lE '^(<<<<<<<|>>>>>>>) ' || true)
  printf 'Update from the template: %s to %s\n' "$from" "$(answer _commit)" >"$folder/title"
  describe "$source" "$from" "$conflicts" >"$folder/body.md"
  if ! make setup check test; then
    touch "$folder/unfinished"
    printf '\n**The checks or the tests fail**: %s\n' "$run_url" >>"$folder/body.md"
  fi
  git add --all
  git commit --quiet --no-verify --file "$folder/title"
  git bundle create --quiet "$folder/update.bundle" HEAD~1..HEAD
  echo changed=true >>"$GITHUB_OUTPUT"
}

describe() {
  printf 'From %s to %s. What has changed is in CHANGELOG.md of %s\n' "$2" "$(answer _commit)" "$1"
  if [ -n "$3" ]; then
    touch "$folder/unfinished"
    printf '\n**Conflicts**, to be resolved on this branch, in:\n\n'
    sed 's/.*/- `&`/' <<<"$3"
  fi
}

publish() {
  local base theirs draft=() number
  base=$(git rev-parse HEAD)
  theirs=$(git ls-remote origin "refs/heads/$branch" | cut -f1)
  if [ -n "$theirs" ]; then
    git fetch --quiet --depth=1 origin "refs/heads/$branch"
    theirs=$(git rev-parse FETCH_HEAD)
    if [ "$(git log -1 --format=%ae "$theirs")" != "$GIT_AUTHOR_EMAIL" ]; then
      say notice "Somebody has worked on the branch $branch: it stays as it is until it is merged or deleted."
      return
    fi
  fi
  git fetch --quiet "$folder/update.bundle" HEAD
  git checkout --quiet -B "$branch" FETCH_HEAD
  if [ "${MAY_CHANGE_WORKFLOWS:-}" != true ] && ! git diff --quiet "$base" -- .github/workflows; then
    set_workflows_aside "$base"
  fi
  git push --quiet --force-with-lease="$branch:$theirs" origin "$branch"
  [ ! -e "$folder/unfinished" ] || draft=(--draft)
  number=$(gh pr list --head "$branch" --json number,isCrossRepository \
    --jq '.[] | select(.isCrossRepository | not) | .number')
  if [ -z "$number" ]; then
    open_pull_request "${draft[@]}"
  else
    gh pr edit "$number" --title "$(cat "$folder/title")" --body-file "$folder/body.md"
    # Neither is an error where nothing changes, or where a private repository has no drafts.
    gh pr ready "$number" ${draft:+--undo} || true
  fi
}

# GitHub lets no job change its workflows with the token that the job is given.
set_workflows_aside() {
  git diff --binary "$1" HEAD -- .github/workflows >workflows.patch
  git restore --source="$1" --staged --worktree -- .github/workflows
  git add workflows.patch
  git commit --quiet --no-verify --amend --no-edit
  touch "$folder/unfinished"
  cat >>"$folder/body.md" <<'TEXT'

**Workflows change**, which GitHub lets no job do with its own token. On this branch, run

    git apply --index workflows.patch
    git rm --quiet --force workflows.patch
    git commit --message "Update the workflows" && git push

or store a token that may change workflows as the secret `UPDATE_TOKEN`.
TEXT
}

open_pull_request() {
  local options=(--base "$GITHUB_REF_NAME" --head "$branch" --title "$(cat "$folder/title")"
    --body-file "$folder/body.md")
  if ! gh pr create "${options[@]}" "$@" && ! gh pr create "${options[@]}"; then
    say error "The branch $branch is there, but no pull request: allow it in Settings, Actions, General, 'Allow GitHub Actions to create and approve pull requests'."
    return 1
  fi
}

"${1:?prepare or publish}"; exit
