// newlib's system calls: a heap, and output to the emulator's standard error.
#include <errno.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstdint>

#include "emulated.h"

extern "C" {

extern char __heap_start[], __heap_end[];
static char* heap_top = __heap_start;

void* _sbrk(std::ptrdiff_t bytes) {
    if (bytes > __heap_end - heap_top) {
        errno = ENOMEM;
        return reinterpret_cast<void*>(-1);
    }
    char* const old = heap_top;
    heap_top += bytes;
    return old;
}

std::size_t emulated_heap_used(void) {
    return static_cast<std::size_t>(heap_top - __heap_start);
}

int _write(int, const char* bytes, int count) {
    for (int i = 0; i < count; ++i) {
        const char text[2] = {bytes[i], '\0'};
        emulated_log(text);
    }
    return count;
}

[[noreturn]] void _exit(int code) {
    emulated_exit(code);
}

int _kill(int, int) {
    errno = EINVAL;
    return -1;
}

int _getpid(void) {
    return 1;
}

int _read(int, char*, int) {
    return 0;
}

int _close(int) {
    return -1;
}

int _lseek(int, int, int) {
    return 0;
}

int _isatty(int) {
    return 1;
}

int _fstat(int, struct stat* status) {
    status->st_mode = S_IFCHR;
    return 0;
}
}
