// Python's view of the quality gate.
#include "quality_gate.h"

#include <cmath>
#include <utility>

#include "arrays.h"

namespace vigil::native {
namespace {

class QualityGate {
  public:
    QualityGate(const std::vector<std::uint32_t>& min_range,
                const std::vector<std::uint32_t>& min_variation,
                const std::vector<std::uint32_t>& max_run,
                const std::vector<std::uint32_t>& max_extreme,
                const std::vector<std::uint32_t>& max_mains,
                const std::vector<std::int16_t>& lowest, const std::vector<std::int16_t>& highest,
                std::vector<std::int16_t> mains)
        : mains_(std::move(mains)) {
        const std::size_t channels = min_range.size();
        require(channels > 0 && min_variation.size() == channels && max_run.size() == channels &&
                    max_extreme.size() == channels && max_mains.size() == channels &&
                    lowest.size() == channels && highest.size() == channels,
                "the limits must have one entry a channel");
        require(mains_.size() <= 2, "at most two mains frequencies");
        for (std::size_t c = 0; c < channels; ++c) {
            require(min_range[c] < 65536, "min_range must be below 65536 counts");
            limits_.push_back({min_variation[c], max_run[c], max_extreme[c], max_mains[c],
                               static_cast<std::uint16_t>(min_range[c]), lowest[c], highest[c]});
        }
    }

    py::array_t<std::uint8_t> check(const py::array& windows) const {
        const Counts counts = checked(windows);
        const auto n = static_cast<std::size_t>(counts.shape(0));
        const auto size = static_cast<std::size_t>(counts.shape(1) * counts.shape(2));
        py::array_t<std::uint8_t> reasons(static_cast<py::ssize_t>(n));
        for (std::size_t i = 0; i < n; ++i) {
            reasons.mutable_data()[i] =
                static_cast<std::uint8_t>(gate()({counts.data() + i * size, size}));
        }
        return reasons;
    }

    py::array_t<std::uint32_t> measure(const py::array& windows) const {
        const Counts counts = checked(windows);
        const auto n = static_cast<std::size_t>(counts.shape(0));
        const auto size = static_cast<std::size_t>(counts.shape(1) * counts.shape(2));
        py::array_t<std::uint32_t> values({n, limits_.size(), std::size_t{5}});
        std::uint32_t* to = values.mutable_data();
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t c = 0; c < limits_.size(); ++c) {
                const vigil::GateMeasures m = gate().measure({counts.data() + i * size, size}, c);
                for (const std::uint32_t value :
                     {m.range(), m.variation, m.run, m.extreme, m.mains}) {
                    *to++ = value;
                }
            }
        }
        return values;
    }

  private:
    Counts checked(const py::array& windows) const {
        Counts counts = windows_of_counts(windows, limits_.size());
        for (const std::int16_t each : mains_) {
            const double cosine = each / 32768.0;
            require(static_cast<double>(counts.shape(1)) < 4096 * std::sqrt(1 - cosine * cosine),
                    "the window is too long for this mains frequency at this rate");
        }
        return counts;
    }

    vigil::QualityGate<true> gate() const {
        return {{limits_.data(), limits_.size()}, {mains_.data(), mains_.size()}};
    }

    std::vector<vigil::GateLimits> limits_;
    std::vector<std::int16_t> mains_;
};

}  // namespace

void bind_quality_gate(py::module_& module) {
    py::class_<QualityGate>(module, "QualityGate",
                            "Whether windows can be judged (docs/bundle.md, Gate).")
        .def(py::init<const std::vector<std::uint32_t>&, const std::vector<std::uint32_t>&,
                      const std::vector<std::uint32_t>&, const std::vector<std::uint32_t>&,
                      const std::vector<std::uint32_t>&, const std::vector<std::int16_t>&,
                      const std::vector<std::int16_t>&, std::vector<std::int16_t>>(),
             "min_range"_a, "min_variation"_a, "max_run"_a, "max_extreme"_a, "max_mains"_a,
             "lowest"_a, "highest"_a, "mains"_a)
        .def("check", &QualityGate::check, "windows"_a,
             "int16 [n, window, channels] to uint8 [n]: 0, or the reason for which a window is "
             "not judged.")
        .def("measure", &QualityGate::measure, "windows"_a,
             "int16 [n, window, channels] to uint32 [n, channels, 5]: range, variation, run, "
             "extreme, mains.");
}

}  // namespace vigil::native
