// Photos as devices publish them, small enough for tests.
#pragma once

#include <string>

#include "hostd/store.h"
#include "proofline/v1/order.pb.h"
#include "proofline/v1/sync_service.pb.h"

namespace proofline::host::test {

// A valid baseline JPEG of 8 by 8 grey pixels; `words` make its body different from others'. The
// header is the same for all.
std::string SmallJpeg(const std::string& words);

struct Sample {
  std::string studio = "north";
  std::string gallery = "wedding";
  std::string photo = "p1";
  std::string content = "first";
  std::int64_t capture_seconds = 1'000;
  std::string subject{};
};

std::string PhotoName(const Sample& sample);
// The record with thumbnail and proof of SmallJpeg(content + kind).
proofline::v1::Photo PhotoRecordOf(const Sample& sample);
std::string JpegOf(const Sample& sample, proofline::v1::RenditionKind kind);

// As a device sends it: with both renditions, split, headers included.
proofline::v1::PublishEntry PhotoEntry(std::int64_t sequence, const Sample& sample);
proofline::v1::PublishEntry WithdrawalEntry(std::int64_t sequence, const Sample& sample);

// The same, checked: what Store::Publish takes.
PublishedChange PhotoChangeOf(std::int64_t sequence, const Sample& sample);
PublishedChange WithdrawalOf(std::int64_t sequence, const Sample& sample);

// Publishes and waits.
absl::StatusOr<PublishOutcome> PublishNow(Store& store, const std::string& studio,
                                          const std::string& device, const std::string& catalog,
                                          std::vector<PublishedChange> changes);

// A studio with devices "one" and "two", and a lab "lab" with the product "small" (10 x 15 cm).
void FillStudio(Store& store, const std::string& studio);
proofline::v1::Lab SampleLab(const std::string& studio);

// An order over one photo, as order_rules makes it.
NewOrder OrderFor(const std::string& studio, const std::string& customer,
                  const std::vector<proofline::v1::Photo>& photos, const std::string& request_id);

}  // namespace proofline::host::test
