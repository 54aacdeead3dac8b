#include "elementwise.h"

namespace vigil::compiled {
namespace {

// Calls `combine` with both operands' values, zero points taken off.
template <typename Combine>
inline void over_pairs(const Operand& a, const std::int8_t* a_values, const Operand& b,
                       const std::int8_t* b_values, std::int8_t* output, std::uint32_t size,
                       Combine combine) {
    std::uint32_t i = 0;
    std::uint32_t j = 0;
    for (std::int8_t* end = output + size; output != end; ++output) {
        *output = combine(a_values[i] - a.zero_point, b_values[j] - b.zero_point);
        i = i + 1 == a.size ? 0 : i + 1;
        j = j + 1 == b.size ? 0 : j + 1;
    }
}

}  // namespace

void add(const Add& sum, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size) {
    over_pairs(sum.a, a, sum.b, b, output, size, [&sum](std::int32_t x, std::int32_t y) {
        constexpr std::int32_t kHeadroom = 1 << 20;  // TensorFlow Lite Micro's, for rounding
        const std::int32_t both =
            requantize(x * kHeadroom, sum.a_by) + requantize(y * kHeadroom, sum.b_by);
        return clamp(requantize(both, sum.by) + sum.zero_point, sum.low, sum.high);
    });
}

void mul(const Mul& product, const std::int8_t* a, const std::int8_t* b, std::int8_t* output,
         std::uint32_t size) {
    over_pairs(product.a, a, product.b, b, output, size,
               [&product](std::int32_t x, std::int32_t y) {
                   const std::int32_t value = requantize(x * y, product.by) + product.zero_point;
                   return clamp(value, product.low, product.high);
               });
}

}  // namespace vigil::compiled
