// Chain: the stages that judge one window, as the manifest names them.
//
// Each stage is a functor of its own type. A stage that a bundle does not use is an empty functor,
// or its code is never named, so it takes no flash.
#pragma once

#include "decision.h"

namespace vigil {

template <typename GateStage, typename InputStage, typename ScoreStage,
          typename DecisionStage = NoDecision>
struct Chain {
    GateStage gate;          // window of counts -> GateReason
    InputStage input;        // window of counts -> the engine's int8 input
    ScoreStage score;        // the engine's input and output -> float
    DecisionStage decision;  // scores -> p-value, alarm, drift
};

template <typename GateStage, typename InputStage, typename ScoreStage>
struct Chain<GateStage, InputStage, ScoreStage, NoDecision> {
    GateStage gate;
    InputStage input;
    ScoreStage score;
    static constexpr NoDecision decision{};  // a member would take four bytes
};

}  // namespace vigil
