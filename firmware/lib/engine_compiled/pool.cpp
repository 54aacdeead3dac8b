#include "pool.h"

#include <cstring>

#include "requantize.h"
#include "simd.h"

namespace vigil::compiled {
namespace {

struct Range {
    std::int32_t begin, end;
};

inline Range inside(std::int32_t begin, std::int32_t size, std::int32_t limit) {
    const std::int32_t end = begin + size;
    return {begin < 0 ? 0 : begin, end > limit ? limit : end};
}

// Calls `pooled(y, x, output)` for every window, the output's first channel given.
template <typename Pooled>
inline void over_windows(const Pool& pool, std::int8_t* output, Pooled pooled) {
    for (std::int32_t i = 0; i < pool.rows; ++i) {
        const Range y = inside(pool.top + i * pool.stride_height, pool.height, pool.in_height);
        for (std::int32_t j = 0; j < pool.columns; ++j, output += pool.channels) {
            const Range x = inside(pool.left + j * pool.stride_width, pool.width, pool.in_width);
            pooled(y, x, output);
        }
    }
}

// Calls `see` with the first channel of every pixel in a window.
template <typename See>
inline void over_pixels(const Pool& pool, const std::int8_t* input, Range y, Range x, See see) {
    for (std::int32_t i = y.begin; i < y.end; ++i) {
        const std::int8_t* pixel = input + (i * pool.in_width + x.begin) * pool.channels;
        for (std::int32_t j = x.begin; j < x.end; ++j, pixel += pool.channels) {
            see(pixel);
        }
    }
}

}  // namespace

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O2")))  // a hot loop, also in an image built with -Os
#endif
void max_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output) {
    const std::uint32_t channels = pool.channels;
    over_windows(pool, output, [&](Range y, Range x, std::int8_t* out) {
        std::memset(out, pool.low, channels);
        over_pixels(pool, input, y, x, [out, channels](const std::int8_t* pixel) {
            keep_larger(out, pixel, channels);
        });
        for (std::uint32_t c = 0; pool.high != 127 && c < channels; ++c) {
            out[c] = out[c] > pool.high ? pool.high : out[c];
        }
    });
}

void average_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output) {
    over_windows(pool, output, [&](Range y, Range x, std::int8_t* out) {
        const std::int32_t count = (y.end - y.begin) * (x.end - x.begin);
        for (std::uint32_t c = 0; c < pool.channels; ++c) {
            std::int32_t sum = 0;
            over_pixels(pool, input + c, y, x, [&sum](const std::int8_t* v) { sum += *v; });
            const std::int32_t mean = (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
            out[c] = clamp(mean, pool.low, pool.high);
        }
    });
}

}  // namespace vigil::compiled
