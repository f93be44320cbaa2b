"""Names in C: of a model, which no keyword, header, build system or device has, and of its constants.

A name becomes the prefix of every identifier and macro, the name of the header and of the source, a library of CMake,
and a part of symbols that Zephyr and the Arduino know. So more is taken than C's keywords. Where a folder's name is, a
name is made from it; a name that somebody asks for is refused instead.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

from edgernn.errors import InputError

# C99 tells identifiers apart by their first 63 characters. The longest of ours that is no constant is a macro with the
# words of a tensor behind the name, such as _X10_ZERO_POINT.
LONGEST_IDENTIFIER = 63
LONGEST_NAME = 40
PART = "model"  # put before a name that is taken
_OWN = ("run", "reset", "state", "step", "run_scratch", "step_scratch")  # what follows a name in its header


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_KEYWORDS = _words("""
    auto break case char const continue default do double else enum extern float for goto if inline int long
    register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    main asm typeof alignas alignof and and_eq bitand bitor bool catch char8_t char16_t char32_t class co_await
    co_return co_yield compl concept const_cast consteval constexpr constinit decltype delete dynamic_cast explicit
    export false friend mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public
    reinterpret_cast requires static_assert static_cast template this thread_local throw true try typeid typename
    typeof_unqual using virtual wchar_t xor xor_eq
""")  # of C and of C++, where the header is included too
# A header NAME.h on the include path hides the system's header of this name, or is hidden by it. Small letters, since
# many file systems do not tell them from capitals.
_HEADERS = _words("""
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbit stdbool stdckdint stddef stdfix stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar
    wctype aio aliases alloca ar argp argz byteswap conio cpio crypt devctl direct dirent dlfcn dos elf endian
    envlock envz err error execinfo fastmath fcntl features fmtmsg fnmatch fstab fts ftw gconv getopt glob grp
    gshadow iconv ieeefp ifaddrs io langinfo lastlog libgen libintl libio link malloc mcheck memory mntent monetary
    mqueue ndbm netdb newlib nl_types nss obstack paths picolibc pmd poll printf proc_service process pthread pty
    pwd re_comp reent regdef regex regexp resolv rpc sched search semaphore sgtty shadow share spawn ssp stab
    stdint_gcc stdio_ext strings stropts syscall syslimits sysexits syslog tar tchar term termcap termio termios
    thread_db ttyent ucontext ulimit unctrl unistd unwind utime utmp utmpx values varargs wait windows winsock
    winsock2 wordexp fstream iomanip ios iostream istream memory_resource new ostream sstream streambuf strstream
    typeinfo exception algorithm array atomic bitset chrono deque functional list map numeric queue random ratio set
    span stack thread tuple utility valarray vector version arm_acle arm_bf16 arm_cde arm_cmse arm_fp16 arm_math
    arm_mve arm_neon arm_sve cmsis cpuid mm3dnow mm_malloc omp acc_prof altivec arm64intr armintr backtrace builtins
    cet gcov openacc quadmath quadmath_weak arduino binary client common eeprom ethernet hardwareserial interrupts
    ipaddress keyboard liquidcrystal mouse pins_arduino print printable sd server servo softwareserial spi stepper
    stream udp usbapi variant wifi wire wstring autoconf core_cm0 core_cm3 core_cm4 core_cm7 device freertos
    freertosconfig kernel mbed portable portmacro rtos sdkconfig semphr task timers toolchain zephyr
""")
_FAMILIES = ("arm_", "avr_", "cmsis_", "esp_", "esp32", "esp8266", "freertos_", "stm32", "zephyr_")
_DEVICES = re.compile(r"con|prn|aux|nul|(com|lpt)\d")  # no file has such a name on Windows, with any suffix
_TARGETS = _words("""
    all all_build clean cmake debug depend edit_cache general help install list_install_components optimized package
    package_source preinstall project rebuild_cache run_tests test zero_check interface private public static shared
    module object imported alias unknown languages description
""")  # of CMake, or words of its commands
# NAME_reset, NAME_state, NAME_VERSION and so on exist there: in avr-libc, Zephyr, ESP-IDF or Linux.
_SYSTEMS = _words("app build counter cpu esp_idf idf k_sem linux net_buf pm posix ring_buf shell sys system wdt")


def legal_name(name: str) -> str:
    """A name that somebody asks for, if nothing else has it.

    Raises:
        InputError: C does not take it as an identifier, or something else has it.
    """
    if reason := _taken(name):
        raise InputError(
            f"name: must be a C identifier of at most {LONGEST_NAME} characters that no keyword, header, build system "
            f"or device has, and not begin with edgernn. Found: '{name}', {reason}.",
            hint=f"give --name {name_from(name)}, say; without --name it is made from the folder's name.",
        )
    return name


def name_from(text: str) -> str:
    """The legal name that is nearest to a text, such as a folder's name: ``gru-int8`` gives ``gru_int8``."""
    if not _taken(text):
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_]+", "_", plain).strip("_")[:LONGEST_NAME].rstrip("_")
    if _taken(name):
        name = f"{PART}_{name}"[:LONGEST_NAME].rstrip("_")
    return name


def note_of(text: str, name: str) -> tuple[str, ...]:
    """What somebody must know whose folder has a name that C does not take."""
    return (f"the model is called '{name}' in C, since '{text}' is {_taken(text)}.",) if name != text else ()


def _taken(name: str) -> str:
    """What a name is besides a model's; nothing if it may be one's."""
    small = name.lower()
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
        return "no identifier"
    if len(name) > LONGEST_NAME:
        return f"{len(name)} characters long"
    if name in _KEYWORDS:
        return "a keyword"
    if small.startswith("edgernn"):
        return "the beginning of edgernn's own names"
    if small in _HEADERS or small.startswith(_FAMILIES) or re.fullmatch(r"\w*[a-z0-9]intrin", small):
        return "a header of a system"
    if _DEVICES.fullmatch(small):
        return "a device of Windows"
    if small in _TARGETS:
        return "a word of CMake"
    if small in _SYSTEMS:
        return "a part of a system"
    return ""


def constant_names(prefix: str, name: str) -> Iterator[str]:
    """Identifiers for a constant, after its name in the model; the first that no other one has is for it.

    Small letters, since macros of the header have capitals behind the prefix.
    """
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "c"
    if plain in _OWN:
        plain += "_c"
    for number in itertools.count(1):
        end = f"_{number}" if number > 1 else ""
        yield f"{prefix}_{plain[: LONGEST_IDENTIFIER - len(prefix) - 1 - len(end)].rstrip('_')}{end}"


def in_comment(text: str) -> str:
    """A text of the model's as it may stand in a comment of C, or in a cell of a table: nothing in it ends either."""
    plain = "".join(letter if letter.isprintable() and letter not in "\\|`" else "_" for letter in text)
    return plain.replace("*/", "*_").replace("/*", "/_")
