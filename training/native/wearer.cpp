// Python's view of the wearer.
#include "wearer.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "arrays.h"
#include "window_decision.h"

namespace vigil::native {
namespace {

WearerScore score_kind(const std::string& name) {
    if (name == "template") return WearerScore::forms;
    if (name == "autoencoder") return WearerScore::model;
    require(name == "both", "score must be 'template', 'autoencoder' or 'both'");
    return WearerScore::both;
}

class Wearer {
  public:
    Wearer(const std::string& score, std::uint32_t window, std::uint32_t channels,
           std::uint32_t first, std::uint32_t length, std::uint32_t shift, std::uint32_t learn)
        : window_(window),
          config_{score_kind(score), channels, first, length, shift, learn},
          forms_(kWearerForms * std::size_t{length} * channels),
          flagged_(wearer_flagged(std::size_t{length} * channels)),
          flagged_samples_(flagged_.size() * length * channels),
          wearer_(config_, state_, {forms_.data(), forms_.size()},
                  {flagged_.data(), flagged_.size()},
                  {flagged_samples_.data(), flagged_samples_.size()}) {
        require(channels >= 1 && length >= 1 && length <= 255 && length * channels <= kWearerValues,
                "length must be 1 to 255 frames, and length * channels at most " +
                    std::to_string(kWearerValues));
        require(learn >= 1, "learn must be 1 or more");
        require(first >= shift && first + length + shift <= window,
                "the compared stretch and its shifts must lie in the window");
    }
    Wearer(const Wearer&) = delete;

    Floats judge(const py::array& beats, const py::array& rr, const py::array& errors,
                 float threshold, WindowDecision* decision, const py::object& windows,
                 const py::object& clipped) {
        const Counts counts = windows_of_counts(beats, config_.channels);
        const auto intervals = exactly<std::uint32_t>(rr, "rr", "uint32");
        const Floats error = exactly<float>(errors, "errors", "float32");
        const auto n = static_cast<std::size_t>(counts.shape(0));
        Indices indices(windows.is_none() ? 0 : static_cast<py::ssize_t>(n));
        if (!windows.is_none())
            indices = exactly<std::uint64_t>(windows.cast<py::array>(), "windows", "uint64");
        py::array_t<bool, py::array::c_style> beyond(
            clipped.is_none() ? 0 : static_cast<py::ssize_t>(n));
        if (!clipped.is_none())
            beyond = exactly<bool>(clipped.cast<py::array>(), "clipped", "bool");
        require(
            counts.shape(1) == static_cast<py::ssize_t>(window_) && intervals.ndim() == 1 &&
                error.ndim() == 1 && intervals.shape(0) == counts.shape(0) &&
                error.shape(0) == counts.shape(0) &&
                (windows.is_none() || (indices.ndim() == 1 && indices.size() == counts.shape(0))) &&
                (clipped.is_none() || (beyond.ndim() == 1 && beyond.size() == counts.shape(0))),
            "beats [n, window, channels], rr, errors, windows and clipped [n] must agree");
        const std::size_t size = std::size_t{window_} * config_.channels;
        Floats scores(static_cast<py::ssize_t>(n));
        for (std::size_t i = 0; i < n; ++i) {
            const Span<const std::int16_t> beat{counts.data() + i * size, size};
            const bool judged = wearer_.learned();
            const float score = wearer_(beat, intervals.data()[i], error.data()[i]);
            scores.mutable_data()[i] = judged ? score : std::numeric_limits<float>::quiet_NaN();
            const bool flagged = score > threshold;
            if (!judged || (!clipped.is_none() && beyond.data()[i] && !flagged)) continue;
            if (decision != nullptr) decision->push(score, threshold);
            wearer_.decided(windows.is_none() ? i : indices.data()[i], beat, flagged,
                            decision != nullptr && decision->alarm_on());
        }
        return scores;
    }

    bool accept(std::uint64_t window) { return wearer_.accept(window); }
    void forget_flagged() { wearer_.forget_flagged(); }
    void restart() { wearer_.restart(); }
    bool learned() const { return wearer_.learned(); }
    bool refused() const { return wearer_.refused(); }

    py::array_t<std::int32_t> forms() const {
        py::array_t<std::int32_t> values({py::ssize_t{state_.forms}, py::ssize_t{config_.length},
                                          py::ssize_t{config_.channels}});
        std::copy(forms_.begin(), forms_.begin() + values.size(), values.mutable_data());
        return values;
    }

    py::bytes memory() const {
        std::vector<std::uint32_t> words(wearer_.words());
        wearer_.store(words.data());
        return py::bytes(reinterpret_cast<const char*>(words.data()),
                         words.size() * sizeof(std::uint32_t));
    }
    void load(const py::bytes& memory) {
        const auto bytes = static_cast<std::string>(memory);
        std::vector<std::uint32_t> words(wearer_.words());
        require(bytes.size() == words.size() * sizeof(std::uint32_t),
                "memory must come from a wearer of the same shape");
        std::memcpy(words.data(), bytes.data(), bytes.size());
        wearer_.load(words.data());
    }
    std::uint32_t beats() const { return state_.beats; }
    std::uint32_t form_count() const { return state_.forms; }
    std::uint32_t accepted() const { return wearer_.accepted(); }
    float interval() const {
        return state_.intervals == 0 ? 0 : std::exp2(static_cast<float>(state_.rr) / 65536);
    }

  private:
    std::uint32_t window_;
    WearerConfig config_;
    WearerState state_{};
    std::vector<std::int32_t> forms_;
    std::vector<WearerFlagged> flagged_;
    std::vector<std::int16_t> flagged_samples_;
    vigil::Wearer wearer_;
};

}  // namespace

void bind_wearer(py::module_& module) {
    py::class_<Wearer>(module, "Wearer", "What is normal for one wearer (docs/bundle.md, Wearer).")
        .def(py::init<const std::string&, std::uint32_t, std::uint32_t, std::uint32_t,
                      std::uint32_t, std::uint32_t, std::uint32_t>(),
             "score"_a, "window"_a, "channels"_a, "first"_a, "length"_a, "shift"_a, "learn"_a)
        .def("judge", &Wearer::judge, "beats"_a, "rr"_a, "errors"_a,
             "threshold"_a = std::numeric_limits<float>::infinity(), "decision"_a = nullptr,
             "windows"_a = py::none(), "clipped"_a = py::none(),
             "Judge and learn from int16 [n, window, channels] beats, in order of time, with "
             "uint32 [n] frames since the beat before (0: unknown) and float32 [n] errors of the "
             "model: float32 [n], NaN while the wearer is being learned. A beat above the "
             "threshold is not followed, nor is any while the alarm of `decision` is on, which "
             "takes the scores. uint64 [n] windows name the beats for accept(). A beat with bool "
             "[n] "
             "clipped is not judged unless it is flagged, and not learned from.")
        .def("accept", &Wearer::accept, "window"_a,
             "Make a flagged beat normal for this wearer; False if it is no longer kept.")
        .def("forget_flagged", &Wearer::forget_flagged,
             "Another stream begins, with windows of its own.")
        .def("load", &Wearer::load, "memory"_a, "Take over the memory of another wearer.")
        .def("restart", &Wearer::restart, "Forget everything.")
        .def_property_readonly("learned", &Wearer::learned)
        .def_property_readonly("refused", &Wearer::refused,
                               "Whether learning began anew: too few beats resembled one another.")
        .def_property_readonly("beats", &Wearer::beats,
                               "Beats from which the wearer was learned so far.")
        .def_property_readonly("form_count", &Wearer::form_count, "Forms in use.")
        .def_property_readonly("accepted", &Wearer::accepted, "Forms that were accepted.")
        .def_property_readonly("interval", &Wearer::interval, "The usual RR in frames; 0: unknown.")
        .def_property_readonly("forms", &Wearer::forms,
                               "int32 [forms, length, channels], mean removed, 1/256 count.")
        .def_property_readonly("memory", &Wearer::memory,
                               "State and forms, as the board has them.");
}

}  // namespace vigil::native
