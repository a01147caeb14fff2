// The host's figures for Prometheus.
#pragma once

#include "lib/rpc/metrics.h"

namespace proofline::host {

// References to metrics that live as long as the registry. Thread-safe.
struct HostMetrics {
  explicit HostMetrics(rpc::Metrics& all)
      : published_packs(all.AddCounter("proofline_host_published_packs_total",
                                       "Packs that are durable and acknowledged.")),
        published_entries(all.AddCounter("proofline_host_published_entries_total",
                                         "Changes of devices' catalogs that were stored.")),
        published_bytes(all.AddCounter("proofline_host_published_bytes_total",
                                       "Bytes of packs that are durable.")),
        refused_entries(all.AddCounter("proofline_host_refused_entries_total",
                                       "Changes that were refused with a reason.")),
        renditions_read(
            all.AddCounter("proofline_host_renditions_read_total", "Renditions given out.")),
        rendition_bytes_read(all.AddCounter("proofline_host_rendition_bytes_read_total",
                                            "Bytes of renditions given out.")),
        sign_ins(all.AddCounter("proofline_host_sign_ins_total", "Tries to sign in by outcome.",
                                {{"outcome", "opened"}})),
        sign_in_failures(all.AddCounter("proofline_host_sign_ins_total",
                                        "Tries to sign in by outcome.", {{"outcome", "refused"}})),
        orders(all.AddCounter("proofline_host_orders_total", "Orders taken.")),
        progress_reports(
            all.AddCounter("proofline_host_progress_reports_total", "Progress reports taken.")),
        followers(all.AddGauge("proofline_host_order_followers", "Open order feeds.")) {}

  rpc::Counter& published_packs;
  rpc::Counter& published_entries;
  rpc::Counter& published_bytes;
  rpc::Counter& refused_entries;
  rpc::Counter& renditions_read;
  rpc::Counter& rendition_bytes_read;
  rpc::Counter& sign_ins;
  rpc::Counter& sign_in_failures;
  rpc::Counter& orders;
  rpc::Counter& progress_reports;
  rpc::Gauge& followers;
};

}  // namespace proofline::host
