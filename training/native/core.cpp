// Python's view of firmware/lib/signal.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "quality_gate.h"
#include "scaler.h"
#include "score.h"
#include "segmenter.h"

namespace py = pybind11;
using namespace py::literals;

namespace {

using Counts = py::array_t<std::int16_t, py::array::c_style>;
using Bytes = py::array_t<std::int8_t, py::array::c_style>;
using Floats = py::array_t<float, py::array::c_style>;
using Indices = py::array_t<std::uint64_t, py::array::c_style>;

void require(bool condition, const std::string& message) {
    if (!condition) throw std::invalid_argument(message);
}

// An array of exactly this dtype: a silent cast is the commonest bug of this very job.
template <typename T>
py::array_t<T, py::array::c_style> exactly(const py::array& array, const char* what,
                                           const char* dtype) {
    require(py::isinstance<py::array_t<T>>(array), std::string(what) + " must be " + dtype);
    return py::array_t<T, py::array::c_style>::ensure(array);
}

Counts windows_of_counts(const py::array& windows, std::size_t channels) {
    Counts counts = exactly<std::int16_t>(windows, "windows", "int16");
    require(counts.ndim() == 3 && counts.shape(1) > 0 &&
                counts.shape(2) == static_cast<py::ssize_t>(channels),
            "windows must have the shape [n, window, " + std::to_string(channels) + "]");
    return counts;
}

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
        require(shift >= 1 && shift <= 62, "shift must lie in 1..62");
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

class ScoreConfig {
  public:
    ScoreConfig(const std::string& kind, int input_weight, int output_weight, int input_zero_point,
                int output_zero_point, float factor) {
        require(kind == "mse" || kind == "mae", "kind must be 'mse' or 'mae'");
        for (const int weight : {input_weight, output_weight}) {
            require(weight >= 1 && weight <= 16384, "weights must lie in 1..16384");
        }
        for (const int zero_point : {input_zero_point, output_zero_point}) {
            require(zero_point >= -128 && zero_point <= 127, "zero points must lie in -128..127");
        }
        config_ = {kind == "mse" ? vigil::ScoreKind::mse : vigil::ScoreKind::mae,
                   static_cast<std::int16_t>(input_weight),
                   static_cast<std::int16_t>(output_weight),
                   static_cast<std::int8_t>(input_zero_point),
                   static_cast<std::int8_t>(output_zero_point),
                   factor};
    }

    Floats score(const py::array& input, const py::array& output) const {
        const Bytes in = exactly<std::int8_t>(input, "input", "int8");
        const Bytes out = exactly<std::int8_t>(output, "output", "int8");
        require(in.ndim() == 2 && out.ndim() == 2 && in.shape(0) == out.shape(0) &&
                    in.shape(1) == out.shape(1),
                "input and output must have one shape, [n, size]");
        require(in.shape(1) <= 65536, "a window may have at most 65536 values");
        const auto n = static_cast<std::size_t>(in.shape(0));
        const auto size = static_cast<std::size_t>(in.shape(1));
        Floats scores(static_cast<py::ssize_t>(n));
        for (std::size_t i = 0; i < n; ++i) {
            scores.mutable_data()[i] =
                vigil::score(config_, {in.data() + i * size, size}, {out.data() + i * size, size});
        }
        return scores;
    }

  private:
    vigil::ScoreConfig config_{};
};

class QualityGate {
  public:
    QualityGate(const std::vector<std::uint32_t>& min_range,
                const std::vector<std::uint32_t>& min_variation,
                const std::vector<std::uint32_t>& max_run,
                const std::vector<std::uint32_t>& max_extreme,
                const std::vector<std::uint32_t>& max_mains, std::vector<std::int16_t> mains)
        : mains_(std::move(mains)) {
        const std::size_t channels = min_range.size();
        require(channels > 0 && min_variation.size() == channels && max_run.size() == channels &&
                    max_extreme.size() == channels && max_mains.size() == channels,
                "the limits must have one entry a channel");
        require(mains_.size() <= 2, "at most two mains frequencies");
        for (std::size_t c = 0; c < channels; ++c) {
            require(min_range[c] < 65536, "min_range must be below 65536 counts");
            limits_.push_back({min_variation[c], max_run[c], max_extreme[c], max_mains[c],
                               static_cast<std::uint16_t>(min_range[c])});
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
                     {m.range, m.variation, m.run, m.extreme, m.mains}) {
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

    vigil::QualityGate gate() const {
        return {{limits_.data(), limits_.size()}, {mains_.data(), mains_.size()}};
    }

    std::vector<vigil::GateLimits> limits_;
    std::vector<std::int16_t> mains_;
};

class Segmenter {
  public:
    Segmenter(std::uint32_t window, std::uint32_t hop, std::uint32_t channels)
        : buffer_(checked(window, hop, channels)),
          window_(window),
          channels_(channels),
          segmenter_({window, hop, channels}, {buffer_.data(), buffer_.size()}) {}
    Segmenter(const Segmenter&) = delete;

    py::tuple push(std::uint64_t first_frame, const py::array& frames) {
        const Counts counts = exactly<std::int16_t>(frames, "frames", "int16");
        require(counts.ndim() == 2 && counts.shape(1) == static_cast<py::ssize_t>(channels_),
                "frames must have the shape [n, " + std::to_string(channels_) + "]");
        Collector collector;
        segmenter_.push(first_frame, {counts.data(), static_cast<std::size_t>(counts.size())},
                        collector);
        const auto count = static_cast<py::ssize_t>(collector.indices.size());
        Counts windows(
            {count, static_cast<py::ssize_t>(window_), static_cast<py::ssize_t>(channels_)});
        std::copy(collector.frames.begin(), collector.frames.end(), windows.mutable_data());
        return py::make_tuple(Indices(count, collector.indices.data()), windows,
                              collector.lost_ranges);
    }

    void restart(std::uint64_t frame) { segmenter_.restart(frame); }
    std::uint64_t next_frame() const { return segmenter_.next_frame(); }
    std::uint64_t next_window() const { return segmenter_.next_window(); }

  private:
    struct Collector final : vigil::Segmenter::Sink {
        std::vector<std::uint64_t> indices;
        std::vector<std::int16_t> frames;
        std::vector<std::pair<std::uint64_t, std::uint64_t>> lost_ranges;

        void window(std::uint64_t index, vigil::Span<const std::int16_t> counts) override {
            indices.push_back(index);
            frames.insert(frames.end(), counts.begin(), counts.end());
        }
        void lost(std::uint64_t first, std::uint64_t count) override {
            lost_ranges.emplace_back(first, count);
        }
    };

    static std::size_t checked(std::uint32_t window, std::uint32_t hop, std::uint32_t channels) {
        require(window >= 1 && hop >= 1 && channels >= 1,
                "window, hop and channels must be 1 or more");
        return std::size_t{window} * channels;
    }

    std::vector<std::int16_t> buffer_;
    std::uint32_t window_;
    std::uint32_t channels_;
    vigil::Segmenter segmenter_;
};

}  // namespace

PYBIND11_MODULE(core, module) {
    module.doc() = "firmware/lib/signal: segmenter, scalers and score, as the board runs them.";

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

    py::class_<ScoreConfig>(module, "ScoreConfig",
                            "Reconstruction error of int8 windows (docs/bundle.md, Score).")
        .def(py::init<const std::string&, int, int, int, int, float>(), "kind"_a, "input_weight"_a,
             "output_weight"_a, "input_zero_point"_a, "output_zero_point"_a, "factor"_a)
        .def("score", &ScoreConfig::score, "input"_a, "output"_a,
             "int8 [n, size] input and output to float32 [n].");

    py::class_<QualityGate>(module, "QualityGate",
                            "Whether windows can be judged (docs/bundle.md, Gate).")
        .def(py::init<const std::vector<std::uint32_t>&, const std::vector<std::uint32_t>&,
                      const std::vector<std::uint32_t>&, const std::vector<std::uint32_t>&,
                      const std::vector<std::uint32_t>&, std::vector<std::int16_t>>(),
             "min_range"_a, "min_variation"_a, "max_run"_a, "max_extreme"_a, "max_mains"_a,
             "mains"_a)
        .def("check", &QualityGate::check, "windows"_a,
             "int16 [n, window, channels] to uint8 [n]: 0, or the reason for which a window is "
             "not judged.")
        .def("measure", &QualityGate::measure, "windows"_a,
             "int16 [n, window, channels] to uint32 [n, channels, 5]: range, variation, run, "
             "extreme, mains.");

    py::class_<Segmenter>(module, "Segmenter", "A stream of frames to windows.")
        .def(py::init<std::uint32_t, std::uint32_t, std::uint32_t>(), "window"_a, "hop"_a,
             "channels"_a)
        .def("push", &Segmenter::push, "first_frame"_a, "frames"_a,
             "Take int16 [n, channels], the first at absolute index first_frame. Returns the "
             "indices (uint64 [k]) and counts (int16 [k, window, channels]) of the windows now "
             "whole, and a list of (first, count) of windows lost to gaps.")
        .def("restart", &Segmenter::restart, "frame"_a, "Forget everything; expect `frame`.")
        .def_property_readonly("next_frame", &Segmenter::next_frame)
        .def_property_readonly("next_window", &Segmenter::next_window);

    module.def("integer_sqrt", &vigil::integer_sqrt, "value"_a, "floor(sqrt(value)), exact.");
}
