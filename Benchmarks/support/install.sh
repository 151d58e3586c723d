# Checks for what building and running here needs, and installs what is missing, saying so first.
# Sourced by Benchmarks/run, Tests/run and .ci/run. Works in bash 3.2, which macOS has.

heading() {
    printf '\n== %s\n' "$*"
}

fail() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

require_swift() {
    command -v swift >/dev/null 2>&1 ||
        fail "Swift is not installed; version 6.2 or later is needed, see https://www.swift.org/install"
    local version major minor
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1)
    major=${version%%.*}
    minor=${version#*.}
    if [ -z "$version" ] || [ "$major" -lt 6 ] || { [ "$major" -eq 6 ] && [ "$minor" -lt 2 ]; }; then
        fail "Swift ${version:-of an unknown version} is installed; 6.2 or later is needed, see https://www.swift.org/install"
    fi
    echo "Swift $version is there."
}

# can_install: whether a package manager is here that this user may use. With sudo, only where it
# asks for no password or somebody is there to type it.
can_install() {
    case $(uname -s) in
    Darwin) command -v brew >/dev/null 2>&1 ;;
    *)
        command -v apt-get >/dev/null 2>&1 &&
            { [ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && { [ -t 0 ] || sudo -n true 2>/dev/null; }; }; }
        ;;
    esac
}

# install_package NAME_FOR_APT NAME_FOR_BREW
install_package() {
    if [ "$(uname -s)" = Darwin ]; then
        echo "Installing it: brew install $2"
        brew install "$2"
        return
    fi
    local prefix=""
    [ "$(id -u)" -eq 0 ] || prefix=sudo
    echo "Installing it: ${prefix:+$prefix }apt-get install $1"
    # Fails on a fresh machine that has no package lists yet, or old ones; then they are fetched.
    $prefix env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$1" >/dev/null 2>&1 && return
    echo "Fetching the package lists first: ${prefix:+$prefix }apt-get update"
    $prefix apt-get update -q >/dev/null &&
        $prefix env DEBIAN_FRONTEND=noninteractive apt-get install -y -q "$1" >/dev/null
}

# Whether the linker finds the OpenMP library that Package.swift names.
have_libomp() {
    if [ "$(uname -s)" = Darwin ]; then
        [ -e /opt/homebrew/opt/libomp/lib/libomp.dylib ] || [ -e /usr/local/opt/libomp/lib/libomp.dylib ]
        return
    fi
    local directory found=1
    directory=$(mktemp -d)
    echo 'int main(void) { return 0; }' >"$directory/main.c"
    "$(toolchain_clang)" "$directory/main.c" -lomp5 -o "$directory/main" >/dev/null 2>&1 && found=0
    rm -rf "$directory"
    return $found
}

# The clang that comes with Swift, because it is the one that links.
toolchain_clang() {
    local beside
    beside=$(dirname "$(readlink -f "$(command -v swift)")")/clang
    if [ -x "$beside" ]; then echo "$beside"; else command -v clang || echo clang; fi
}

require_libomp() {
    if [ "${ATTENTION_KERNELS_PTHREADS:-}" = 1 ]; then
        echo "ATTENTION_KERNELS_PTHREADS=1: POSIX threads are used, and OpenMP is not needed."
        return
    fi
    if have_libomp; then
        echo "OpenMP (libomp) is there."
        return
    fi
    echo "OpenMP (libomp) is missing."
    local advice="install libomp-dev (Debian, Ubuntu) or libomp (Homebrew), or set ATTENTION_KERNELS_PTHREADS=1 to build without it"
    can_install || fail "OpenMP (libomp) is missing and cannot be installed from here: $advice"
    install_package libomp-dev libomp || fail "OpenMP (libomp) could not be installed: $advice"
    have_libomp || fail "OpenMP (libomp) was installed, but the linker does not find it: $advice"
}

# Plots are the one thing a sweep can do without.
want_gnuplot() {
    if command -v gnuplot >/dev/null 2>&1; then
        echo "gnuplot is there."
        return
    fi
    echo "gnuplot is missing."
    if can_install && install_package gnuplot-nox gnuplot; then return; fi
    echo "gnuplot cannot be installed from here: there will be no plots."
}
