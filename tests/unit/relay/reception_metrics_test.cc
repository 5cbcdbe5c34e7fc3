#include "relay/reception_metrics.h"

#include <gtest/gtest.h>

namespace sluice::relay {
namespace {

struct ReasonCase {
  int code;
  smtp::EnhancedStatus status;
  RejectionReason reason;
};

class RejectionReasonTable : public testing::TestWithParam<ReasonCase> {};

TEST_P(RejectionReasonTable, IsReadOffTheCodes) {
  const ReasonCase& row = GetParam();
  const smtp::Reply reply = smtp::reply(row.code, row.status, "text");
  EXPECT_EQ(rejection_reason(reply), row.reason);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RejectionReasonTable,
    testing::Values(ReasonCase{530, {5, 7, 0}, RejectionReason::tls_required},
                    ReasonCase{535, {5, 7, 8}, RejectionReason::authentication_failed},
                    ReasonCase{454, {4, 7, 0}, RejectionReason::authentication_failed},
                    ReasonCase{550, {5, 1, 3}, RejectionReason::bad_recipient},
                    ReasonCase{552, {5, 3, 4}, RejectionReason::too_large},
                    ReasonCase{452, {4, 5, 3}, RejectionReason::too_many_recipients},
                    ReasonCase{452, {4, 3, 1}, RejectionReason::insufficient_storage},
                    ReasonCase{451, {4, 3, 0}, RejectionReason::storage_failed},
                    ReasonCase{554, {5, 4, 6}, RejectionReason::loop},
                    ReasonCase{550, {5, 6, 0}, RejectionReason::content},
                    ReasonCase{421, {4, 7, 0}, RejectionReason::protocol},
                    ReasonCase{421, {4, 3, 2}, RejectionReason::stopping},
                    ReasonCase{421, {4, 4, 2}, RejectionReason::timed_out},
                    ReasonCase{503, {5, 5, 1}, RejectionReason::protocol},
                    ReasonCase{502, {}, RejectionReason::protocol}),
    [](const auto& row) {
      return std::string(name_of(row.param.reason)) + "_" + std::to_string(row.index);
    });

TEST(RejectionReason, OfOurOwnRefusalIsItsMark) {
  smtp::Reply reply = smtp::reply(452, {4, 3, 1}, "text");
  reply.reason = mark_of(RejectionReason::tenant_queue_full);
  EXPECT_EQ(rejection_reason(reply), RejectionReason::tenant_queue_full);
}

TEST(ReceptionMetrics, CountsEachReasonUnderItsLabel) {
  MetricRegistry registry;
  const ReceptionMetrics metrics(registry);
  metrics.rejections[static_cast<std::size_t>(RejectionReason::loop)]->add();
  EXPECT_EQ(registry.counter("sluice_reception_rejections_total", "", "reason=\"loop\"").value(),
            1U);
}

}  // namespace
}  // namespace sluice::relay
