// Python's view of the scalers.
#include "scaler.h"

#include "arrays.h"

namespace vigil::native {
namespace {

template <typename Scaler>
Bytes scale_all(const Scaler& scaler, const Counts& counts) {
    const auto n = static_cast<std::size_t>(counts.shape(0));
    const auto size = static_cast<std::size_t>(counts.shape(1) * counts.shape(2));
    Bytes scaled({n, size});
    const std::int16_t* from = counts.data();
    std::int8_t* to = scaled.mutable_data();
    for (std::size_t i = 0; i < n; ++i) {
        scaler({from + i * size, size}, {to + i * size, size});
    }
    return scaled;
}

class AffineScaler {
  public:
    AffineScaler(const std::vector<std::int16_t>& center,
                 const std::vector<std::int32_t>& multiplier, int shift, int zero_point)
        : shift_(shift), zero_point_(zero_point) {
        require(!center.empty() && center.size() == multiplier.size(),
                "center and multiplier must have one entry a channel");
        require(shift >= 18 && shift <= 62, "shift must lie in 18..62");
        require(zero_point >= -128 && zero_point <= 127, "zero_point must lie in -128..127");
        for (std::size_t c = 0; c < center.size(); ++c) {
            require(multiplier[c] >= 0, "multiplier must not be negative");
            channels_.push_back({center[c], multiplier[c]});
        }
    }

    Bytes scale(const py::array& windows) const {
        return scale_all(vigil::AffineScaler{{channels_.data(), channels_.size()},
                                             static_cast<std::uint8_t>(shift_),
                                             static_cast<std::int8_t>(zero_point_)},
                         windows_of_counts(windows, channels_.size()));
    }

  private:
    std::vector<vigil::AffineChannel> channels_;
    int shift_;
    int zero_point_;
};

class PerWindowScaler {
  public:
    PerWindowScaler(std::uint32_t channels, std::uint32_t min_deviation,
                    std::uint32_t steps_per_deviation, int zero_point)
        : scaler_{channels, min_deviation, steps_per_deviation,
                  static_cast<std::int8_t>(zero_point)} {
        require(channels >= 1, "channels must be 1 or more");
        require(min_deviation < 65536, "min_deviation must be below 65536 counts");
        require(steps_per_deviation < (1u << 23), "steps_per_deviation must be below 2^23");
        require(zero_point >= -128 && zero_point <= 127, "zero_point must lie in -128..127");
    }

    Bytes scale(const py::array& windows) const {
        const Counts counts = windows_of_counts(windows, scaler_.channels);
        require(counts.shape(1) <= 32768, "a window may have at most 32768 frames");
        return scale_all(scaler_, counts);
    }

  private:
    vigil::PerWindowScaler scaler_;
};

}  // namespace

void bind_scalers(py::module_& module) {
    py::class_<AffineScaler>(module, "AffineScaler",
                             "Counts to int8 with one line per channel (docs/bundle.md, Scaler).")
        .def(py::init<const std::vector<std::int16_t>&, const std::vector<std::int32_t>&, int,
                      int>(),
             "center"_a, "multiplier"_a, "shift"_a, "zero_point"_a)
        .def("scale", &AffineScaler::scale, "windows"_a,
             "int16 [n, window, channels] to int8 [n, window * channels].");

    py::class_<PerWindowScaler>(
        module, "PerWindowScaler",
        "Each window to zero mean and unit deviation, then int8 (docs/bundle.md, Scaler).")
        .def(py::init<std::uint32_t, std::uint32_t, std::uint32_t, int>(), "channels"_a,
             "min_deviation"_a, "steps_per_deviation"_a, "zero_point"_a)
        .def("scale", &PerWindowScaler::scale, "windows"_a,
             "int16 [n, window, channels] to int8 [n, window * channels].");

    module.def("integer_sqrt", &vigil::integer_sqrt, "value"_a, "floor(sqrt(value)), exact.");
}

}  // namespace vigil::native
