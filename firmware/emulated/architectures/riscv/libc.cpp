// The functions of the C library that the firmware calls. Debian's C library for this processor
// takes a gigabyte.
#include <cstddef>
#include <cstdint>

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")  // loops stay loops, not calls of memcpy
#endif

extern "C" {

using Function = void (*)();
extern Function __preinit_array_start[], __preinit_array_end[];
extern Function __init_array_start[], __init_array_end[];

void __libc_init_array(void);
void* _sbrk(std::ptrdiff_t bytes);
[[noreturn]] void _exit(int code);
int* __errno(void);
void* memcpy(void* __restrict to, const void* __restrict from, std::size_t size);
void* memmove(void* to, const void* from, std::size_t size);
void* memset(void* to, int value, std::size_t size);
int memcmp(const void* a, const void* b, std::size_t size);
std::size_t strlen(const char* text);
void* malloc(std::size_t size);
[[noreturn]] void exit(int code);
float sqrtf(float value);
}

namespace {

int error = 0;

bool word_aligned(const void* a, const void* b) {
    return ((reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) & 3U) == 0;
}

}  // namespace

void __libc_init_array(void) {
    for (Function* f = __preinit_array_start; f < __preinit_array_end; ++f) {
        (*f)();
    }
    for (Function* f = __init_array_start; f < __init_array_end; ++f) {
        (*f)();
    }
}

int* __errno(void) {
    return &error;
}

void* memcpy(void* __restrict to, const void* __restrict from, std::size_t size) {
    auto* out = static_cast<std::uint8_t*>(to);
    const auto* in = static_cast<const std::uint8_t*>(from);
    if (word_aligned(to, from)) {
        for (; size >= 4; size -= 4, out += 4, in += 4) {
            *reinterpret_cast<std::uint32_t*>(out) = *reinterpret_cast<const std::uint32_t*>(in);
        }
    }
    for (; size != 0; --size) {
        *out++ = *in++;
    }
    return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
    auto* out = static_cast<std::uint8_t*>(to);
    const auto* in = static_cast<const std::uint8_t*>(from);
    if (out <= in || out >= in + size) {
        for (; size != 0; --size) {
            *out++ = *in++;
        }
    } else {
        while (size != 0) {
            --size;
            out[size] = in[size];
        }
    }
    return to;
}

void* memset(void* to, int value, std::size_t size) {
    auto* out = static_cast<std::uint8_t*>(to);
    for (; size != 0; --size) {
        *out++ = static_cast<std::uint8_t>(value);
    }
    return to;
}

int memcmp(const void* a, const void* b, std::size_t size) {
    const auto* x = static_cast<const std::uint8_t*>(a);
    const auto* y = static_cast<const std::uint8_t*>(b);
    for (; size != 0; --size, ++x, ++y) {
        if (*x != *y) {
            return *x - *y;
        }
    }
    return 0;
}

std::size_t strlen(const char* text) {
    std::size_t length = 0;
    while (text[length] != '\0') {
        ++length;
    }
    return length;
}

// A heap that only grows: nothing frees.
void* malloc(std::size_t size) {
    void* const block = _sbrk(static_cast<std::ptrdiff_t>((size + 7U) & ~std::size_t{7}));
    return block == reinterpret_cast<void*>(-1) ? nullptr : block;
}

void exit(int code) {
    _exit(code);
}

// Returns the square root, rounded to nearest as in hardware. The loop finds 25 bits of the root,
// one at a time; the last one decides the rounding.
float sqrtf(float value) {
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    constexpr std::uint32_t kInfinity = 0x7F800000U;
    if ((bits & 0x7FFFFFFFU) == 0 || bits == kInfinity) {
        return value;
    }
    if (bits > kInfinity) {  // negative, or not a number
        return (value - value) / (value - value);
    }
    auto exponent = static_cast<std::int32_t>(bits >> 23U);
    std::uint32_t mantissa = bits & 0x7FFFFFU;
    if (exponent == 0) {  // subnormal
        for (exponent = 1; (mantissa & 0x800000U) == 0; mantissa <<= 1U) {
            --exponent;
        }
    }
    mantissa |= 0x800000U;
    exponent -= 127;
    // value = mantissa * 2^(exponent - 23); the exponent is made even, and the root has 25 bits.
    std::uint64_t rest = std::uint64_t{mantissa} << ((exponent & 1) != 0 ? 26U : 25U);
    exponent >>= 1;
    std::uint64_t root = 0;
    for (std::uint64_t bit = std::uint64_t{1} << 48U; bit != 0; bit >>= 2U) {
        if (rest >= root + bit) {
            rest -= root + bit;
            root = (root >> 1U) + bit;
        } else {
            root >>= 1U;
        }
    }
    // 25 bits of root; no root lies halfway between two numbers.
    const auto rounded = static_cast<std::uint32_t>((root + 1U) >> 1U);
    bits = (static_cast<std::uint32_t>(exponent + 127) << 23U) + (rounded - 0x800000U);
    __builtin_memcpy(&value, &bits, sizeof value);
    return value;
}
