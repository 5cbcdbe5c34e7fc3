#include "relay/reception_metrics.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

struct ReasonCase {
  int code;
  smtp::EnhancedStatus status;
  ClientMayRelay may_relay;
  RejectionReason reason;
};

class RejectionReasonTable : public testing::TestWithParam<ReasonCase> {};

TEST_P(RejectionReasonTable, IsReadOffTheCodes) {
  const ReasonCase& row = GetParam();
  const smtp::Reply reply = smtp::reply(row.code, row.status, "text");
  EXPECT_EQ(rejection_reason(reply, row.may_relay), row.reason);
}

constexpr auto kYes = ClientMayRelay::yes;
constexpr auto kNo = ClientMayRelay::no;

INSTANTIATE_TEST_SUITE_P(
    Cases, RejectionReasonTable,
    testing::Values(ReasonCase{550, {5, 7, 1}, kNo, RejectionReason::relay_denied},
                    ReasonCase{550, {5, 7, 1}, kYes, RejectionReason::no_route},
                    ReasonCase{550, {5, 1, 3}, kYes, RejectionReason::bad_recipient},
                    ReasonCase{552, {5, 3, 4}, kYes, RejectionReason::too_large},
                    ReasonCase{452, {4, 5, 3}, kYes, RejectionReason::too_many_recipients},
                    ReasonCase{452, {4, 3, 1}, kYes, RejectionReason::insufficient_storage},
                    ReasonCase{451, {4, 3, 0}, kYes, RejectionReason::storage_failed},
                    ReasonCase{554, {5, 4, 6}, kYes, RejectionReason::loop},
                    ReasonCase{550, {5, 6, 0}, kYes, RejectionReason::content},
                    ReasonCase{421, {4, 7, 0}, kNo, RejectionReason::too_many_connections},
                    ReasonCase{421, {4, 3, 2}, kYes, RejectionReason::stopping},
                    ReasonCase{421, {4, 4, 2}, kYes, RejectionReason::timed_out},
                    ReasonCase{503, {5, 5, 1}, kYes, RejectionReason::protocol},
                    ReasonCase{502, {}, kYes, RejectionReason::protocol}),
    [](const auto& row) {
      return std::string(name_of(row.param.reason)) + "_" + std::to_string(row.index);
    });

TEST(ReceptionMetrics, CountsEachReasonUnderItsLabel) {
  MetricRegistry registry;
  const ReceptionMetrics metrics(registry);
  metrics.rejections[static_cast<std::size_t>(RejectionReason::loop)]->add();
  EXPECT_EQ(registry.counter("sluice_reception_rejections_total", "", "reason=\"loop\"").value(),
            1U);
}

}  // namespace
}  // namespace sluice::relay
