// Reading the records of the lab's store, and telling jobs apart. Shared by the store's own files.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "labd/record.pb.h"
#include "lib/base/text.h"
#include "lib/rpc/status.h"

namespace proofline::lab {

template <typename Record>
absl::Status Parse(std::string_view bytes, std::string_view what, Record& record) {
  if (record.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return absl::OkStatus();
  return absl::DataLossError(base::Concat("the record of ", what,
                                          " in the lab's store is damaged; restore the lab's state "
                                          "folder from a backup"));
}

inline absl::Status JobNotFound(std::string_view job) {
  return rpc::Error(absl::StatusCode::kNotFound, base::Concat("there is no job jobs/", job),
                    "JOB_NOT_FOUND", {{"job", std::string(job)}});
}

inline absl::Status JobDiffers(std::string_view job) {
  return rpc::Error(absl::StatusCode::kAlreadyExists,
                    base::Concat("jobs/", job, " of this order and device has other items; an ",
                                 "order that has changed is a new order"),
                    "JOB_DIFFERS", {{"job", base::Concat("jobs/", job)}});
}

// What a studio asked for, without what the lab did with it, each line with its length before it.
inline std::string AskedFor(const std::vector<record::Item>& items) {
  std::string all;
  for (const record::Item& item : items) {
    record::Item asked;
    asked.set_line_number(item.line_number());
    asked.set_product(item.product());
    asked.set_quantity(item.quantity());
    asked.set_original_digest(item.original_digest());
    asked.set_original_size_bytes(item.original_size_bytes());
    *asked.mutable_edit() = item.edit();
    if (item.has_print_crop()) *asked.mutable_print_crop() = item.print_crop();
    const std::string bytes = asked.SerializeAsString();
    all += base::Concat(bytes.size(), ":", bytes);
  }
  return all;
}

}  // namespace proofline::lab
