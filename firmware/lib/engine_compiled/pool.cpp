#include "pool.h"

#include "requantize.h"

namespace vigil::compiled {
namespace {

struct Range {
    std::int32_t begin, end;
};

inline Range inside(std::int32_t begin, std::int32_t size, std::int32_t limit) {
    const std::int32_t end = begin + size;
    return {begin < 0 ? 0 : begin, end > limit ? limit : end};
}

// `pooled(first, y, x)` gives one channel's output; first is that channel's value at (0, 0).
template <typename Pooled>
inline void over_windows(const Pool& pool, const std::int8_t* input, std::int8_t* output,
                         Pooled pooled) {
    for (std::int32_t i = 0; i < pool.rows; ++i) {
        const Range y = inside(pool.top + i * pool.stride_height, pool.height, pool.in_height);
        for (std::int32_t j = 0; j < pool.columns; ++j) {
            const Range x = inside(pool.left + j * pool.stride_width, pool.width, pool.in_width);
            for (std::int32_t channel = 0; channel < pool.channels; ++channel) {
                *output++ = clamp(pooled(input + channel, y, x), pool.low, pool.high);
            }
        }
    }
}

// Calls `see` with every value of one channel in a window.
template <typename See>
inline void over_values(const Pool& pool, const std::int8_t* first, Range y, Range x, See see) {
    for (std::int32_t i = y.begin; i < y.end; ++i) {
        const std::int8_t* value = first + (i * pool.in_width + x.begin) * pool.channels;
        for (std::int32_t j = x.begin; j < x.end; ++j, value += pool.channels) {
            see(*value);
        }
    }
}

}  // namespace

void max_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output) {
    over_windows(pool, input, output, [&pool](const std::int8_t* first, Range y, Range x) {
        std::int32_t most = -128;
        over_values(pool, first, y, x, [&most](std::int32_t v) { most = v > most ? v : most; });
        return most;
    });
}

void average_pool(const Pool& pool, const std::int8_t* input, std::int8_t* output) {
    over_windows(pool, input, output, [&pool](const std::int8_t* first, Range y, Range x) {
        std::int32_t sum = 0;
        over_values(pool, first, y, x, [&sum](std::int32_t v) { sum += v; });
        const std::int32_t count = (y.end - y.begin) * (x.end - x.begin);
        return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
    });
}

}  // namespace vigil::compiled
