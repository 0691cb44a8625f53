# Made by `python -m sahara_assets.tables.lookml`; a sample to start from. Copy it into a LookML project and edit it there.
# The views live in the schema (BigQuery: dataset) of Sahara's tables: write its name before the first use, or set it in the connection.
# `report_sales_lines` can be added up freely. The others are counted already, for every period and for every kind of buyers:
# filter each of `period` and `buyers` to one value, or take a period_kind, before adding anything up.

view: report_sales_lines {
  sql_table_name: report_sales_lines ;;
  # Every counted sale line up to the cut-off, once: what can be added up freely by day, product, place and segment.

  dimension: order_id {
    type: string
    sql: ${TABLE}.order_id ;;
    description: "The order that the line stands on."
  }

  dimension: customer_id {
    type: string
    sql: ${TABLE}.customer_id ;;
    description: "The order's customer; null for an anonymous order."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "The customer's segment; `anonymous` without a customer, `unsegmented` without a segment."
  }

  dimension_group: ordered_on {
    type: time
    timeframes: [raw, date, week, month, quarter, year]
    convert_tz: no
    datatype: date
    sql: ${TABLE}.ordered_on ;;
    description: "The local day of the order."
  }

  dimension: month {
    type: string
    sql: ${TABLE}.month ;;
    description: "Its month, such as 2011-11."
  }

  dimension: part_of_day {
    type: string
    sql: ${TABLE}.part_of_day ;;
    description: "The part of the day the line was ordered in."
  }

  dimension: product_id {
    type: string
    sql: ${TABLE}.product_id ;;
    description: "The product."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "The product's name."
  }

  dimension: category {
    type: string
    sql: ${TABLE}.category ;;
    description: "The first part of the product's category."
  }

  dimension: product_group {
    type: string
    sql: ${TABLE}.product_group ;;
    description: "The product's group."
  }

  dimension: brand {
    type: string
    sql: ${TABLE}.brand ;;
    description: "The product's brand."
  }

  dimension: place_id {
    type: string
    sql: ${TABLE}.place_id ;;
    description: "Where it was bought."
  }

  dimension: channel {
    type: string
    sql: ${TABLE}.channel ;;
    description: "How it was bought."
  }

  dimension: country {
    type: string
    sql: ${TABLE}.country ;;
    description: "The country that the line states."
  }

  dimension: quantity {
    type: number
    sql: ${TABLE}.quantity ;;
    description: "Units."
  }

  dimension: line_total {
    type: number
    sql: ${TABLE}.line_total ;;
    description: "quantity × unit price; 0 in a shop without prices."
  }

  dimension: drop_id {
    type: string
    sql: ${TABLE}.drop_id ;;
    description: "The drop that the line came from."
  }

  dimension: line_number {
    type: number
    sql: ${TABLE}.line_number ;;
    description: "Its physical line there; with drop_id it tells lines apart."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }

  measure: line_count {
    type: count
    description: "Sale lines."
  }

  measure: order_count {
    type: count_distinct
    sql: ${order_id} ;;
    description: "Orders with a sale line."
  }

  measure: customer_count {
    type: count_distinct
    sql: ${customer_id} ;;
    description: "Known customers with a sale line."
  }

  measure: unit_count {
    type: sum
    sql: ${quantity} ;;
    description: "Units."
  }

  measure: gross_spend {
    type: sum
    sql: ${line_total} ;;
    description: "Value of the sale lines."
  }
}

view: report_segments {
  sql_table_name: report_segments ;;
  # One row per segment: how big it is, what it is worth, what sets it apart, what to do.

  dimension: segment {
    primary_key: yes
    type: number
    sql: ${TABLE}.segment ;;
    description: "The segment's key: stable across retrainings."
  }

  dimension: segment_name {
    type: string
    sql: ${TABLE}.segment_name ;;
    description: "A name that a marketer understands."
  }

  dimension: tier {
    type: string
    sql: ${TABLE}.tier ;;
    description: "Platinum, Gold, Silver or Bronze, by mean gross spend or what `segmentation.rank_by` names."
  }

  dimension: customer_count {
    type: number
    sql: ${TABLE}.customer_count ;;
    description: "Customers in it."
  }

  dimension: customer_share {
    type: number
    sql: ${TABLE}.customer_share ;;
    description: "Share of all customers."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Their gross spend; null, as the next four, in a project without order lines."
  }

  dimension: spend_share {
    type: number
    sql: ${TABLE}.spend_share ;;
    description: "Share of all gross spend."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "One sentence that says what sets the segment apart."
  }

  dimension: action {
    type: string
    sql: ${TABLE}.action ;;
    description: "One suggested action."
  }
}

view: report_sales_by_period {
  sql_table_name: report_sales_by_period ;;
  # What was sold in every period, to how many customers, and how many of them came back.

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line."
  }

  dimension: customer_count {
    type: number
    sql: ${TABLE}.customer_count ;;
    description: "Known customers with an order."
  }

  dimension: repeat_customer_count {
    type: number
    sql: ${TABLE}.repeat_customer_count ;;
    description: "Customers with at least two orders in the period."
  }

  dimension: repeat_customer_share {
    type: number
    sql: ${TABLE}.repeat_customer_share ;;
    description: "repeat_customer_count ÷ customer_count; 0 without customers."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_top_products {
  sql_table_name: report_top_products ;;
  # The products that sell most, by lines, units or spend; fees are left out.

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: product_id {
    type: string
    sql: ${TABLE}.product_id ;;
    description: "The product."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "The product's name."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines of it."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines of it."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines of it; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line of it."
  }

  dimension: all_line_count {
    type: number
    sql: ${TABLE}.all_line_count ;;
    description: "Lines of any kind of it: returned, cancelled, free and adjusted ones too."
  }

  dimension: line_share {
    type: number
    sql: ${TABLE}.line_share ;;
    description: "Share of the sale lines of its period and buyers."
  }

  dimension: spend_share {
    type: number
    sql: ${TABLE}.spend_share ;;
    description: "Share of the spend of its period and buyers; null in a shop without prices."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among its period and buyers; ties go by id."
  }

  dimension: rank_by_units {
    type: number
    sql: ${TABLE}.rank_by_units ;;
    description: "Place by units among its period and buyers; ties go by id."
  }

  dimension: rank_by_spend {
    type: number
    sql: ${TABLE}.rank_by_spend ;;
    description: "Place by spend among its period and buyers; null in a shop without prices."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_top_customers {
  sql_table_name: report_top_customers ;;
  # The customers who buy most, by lines or spend.

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: customer_id {
    type: string
    sql: ${TABLE}.customer_id ;;
    description: "The customer."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines of theirs."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines of theirs."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines of theirs; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line of theirs."
  }

  dimension: line_share {
    type: number
    sql: ${TABLE}.line_share ;;
    description: "Share of the sale lines of its period and buyers."
  }

  dimension: spend_share {
    type: number
    sql: ${TABLE}.spend_share ;;
    description: "Share of the spend of its period and buyers; null in a shop without prices."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among its period and buyers; ties go by id."
  }

  dimension: rank_by_spend {
    type: number
    sql: ${TABLE}.rank_by_spend ;;
    description: "Place by spend among its period and buyers; null in a shop without prices."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_repeat_purchases {
  sql_table_name: report_repeat_purchases ;;
  # What customers buy again: customer and product that stand together on at least two orders; fees are left out.

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: customer_id {
    type: string
    sql: ${TABLE}.customer_id ;;
    description: "The customer."
  }

  dimension: product_id {
    type: string
    sql: ${TABLE}.product_id ;;
    description: "The product."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "The product's name."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines of the two."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines of the two."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines of the two; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line of the two."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among its period and buyers; ties go by id."
  }

  dimension: rank_by_orders {
    type: number
    sql: ${TABLE}.rank_by_orders ;;
    description: "Place by orders among its period and buyers; ties go by id."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_repeat_products {
  sql_table_name: report_repeat_products ;;
  # Products that the same customer orders again; fees are left out.

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: product_id {
    type: string
    sql: ${TABLE}.product_id ;;
    description: "The product."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "The product's name."
  }

  dimension: customer_count {
    type: number
    sql: ${TABLE}.customer_count ;;
    description: "Known customers who ordered it."
  }

  dimension: repeat_customer_count {
    type: number
    sql: ${TABLE}.repeat_customer_count ;;
    description: "Of these, the ones who ordered it at least twice."
  }

  dimension: repeat_customer_share {
    type: number
    sql: ${TABLE}.repeat_customer_share ;;
    description: "repeat_customer_count ÷ customer_count."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with it."
  }

  dimension: repeat_order_count {
    type: number
    sql: ${TABLE}.repeat_order_count ;;
    description: "Orders with it after a customer's first one: order_count − customer_count."
  }

  dimension: rank_by_repeat_customers {
    type: number
    sql: ${TABLE}.rank_by_repeat_customers ;;
    description: "Place by repeat customers among its period and buyers; ties go by id."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_sales_by_part_of_day {
  sql_table_name: report_sales_by_part_of_day ;;
  # When on a day people buy; the parts and their clock are set under [parts_of_day].

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: part_of_day {
    type: string
    sql: ${TABLE}.part_of_day ;;
    description: "The part of the day."
  }

  dimension: position {
    type: number
    sql: ${TABLE}.position ;;
    description: "The part's place in the day, from 1."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines in it."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines in it."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines in it; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line in it."
  }

  dimension: line_share {
    type: number
    sql: ${TABLE}.line_share ;;
    description: "Share of the sale lines of its period and buyers."
  }

  dimension: spend_share {
    type: number
    sql: ${TABLE}.spend_share ;;
    description: "Share of the spend of its period and buyers; null in a shop without prices."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_product_parts_of_day {
  sql_table_name: report_product_parts_of_day ;;
  # When on a day the best sellers sell; fees are left out.

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: product_id {
    type: string
    sql: ${TABLE}.product_id ;;
    description: "The product."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "The product's name."
  }

  dimension: part_of_day {
    type: string
    sql: ${TABLE}.part_of_day ;;
    description: "The part of the day."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines of it in that part."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines of it in that part."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines of it in that part; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line of it in that part."
  }

  dimension: product_share {
    type: number
    sql: ${TABLE}.product_share ;;
    description: "Share of the product's sale lines."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among all products and parts of its buyers; ties by id."
  }

  dimension: product_rank {
    type: number
    sql: ${TABLE}.product_rank ;;
    description: "The product's place by sale lines among its buyers."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_sales_by_place {
  sql_table_name: report_sales_by_place ;;
  # Where people buy: places (stores, kiosks), countries and channels, as far as the lines state them.

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: place_kind {
    type: string
    sql: ${TABLE}.place_kind ;;
    description: "place, country or channel."
  }

  dimension: place {
    type: string
    sql: ${TABLE}.place ;;
    description: "Which; `(not stated)` where a line does not say."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines there."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines there."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines there; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line there."
  }

  dimension: line_share {
    type: number
    sql: ${TABLE}.line_share ;;
    description: "Share of the sale lines of its period and buyers."
  }

  dimension: spend_share {
    type: number
    sql: ${TABLE}.spend_share ;;
    description: "Share of the spend of its period and buyers; null in a shop without prices."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among its period, buyers and kind; ties by name."
  }

  dimension: rank_by_spend {
    type: number
    sql: ${TABLE}.rank_by_spend ;;
    description: "Place by spend among its period, buyers and kind; null without prices."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_place_products {
  sql_table_name: report_place_products ;;
  # Which products sell most where; fees are left out.

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: place_kind {
    type: string
    sql: ${TABLE}.place_kind ;;
    description: "place, country or channel."
  }

  dimension: place {
    type: string
    sql: ${TABLE}.place ;;
    description: "Which; `(not stated)` where a line does not say."
  }

  dimension: product_id {
    type: string
    sql: ${TABLE}.product_id ;;
    description: "The product."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "The product's name."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines of it there."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines of it there."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines of it there; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line of it there."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among all places and products of its buyers and kind; ties by id."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_sales_trend {
  sql_table_name: report_sales_trend ;;
  # Sales by day, week (from Monday) and month, beside the year before, with odd days flagged.

  dimension: grain {
    type: string
    sql: ${TABLE}.grain ;;
    description: "day, week or month."
  }

  dimension_group: starts_on {
    type: time
    timeframes: [raw, date, week, month, quarter, year]
    convert_tz: no
    datatype: date
    sql: ${TABLE}.starts_on ;;
    description: "Its first day."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension_group: ends_on {
    type: time
    timeframes: [raw, date, week, month, quarter, year]
    convert_tz: no
    datatype: date
    sql: ${TABLE}.ends_on ;;
    description: "Its last day."
  }

  dimension: is_whole {
    type: yesno
    sql: ${TABLE}.is_whole ;;
    description: "All its days lie between the first sale and the cut-off."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines in it."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines in it."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines in it; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line in it."
  }

  dimension: previous_year_amount {
    type: number
    sql: ${TABLE}.previous_year_amount ;;
    description: "The amount (spend, or units in a shop without prices) of the same days a year before: the same dates for months, the same weekdays (364 days before) for days and weeks; of an unfinished one as many days as it has. Null where there were no sales yet."
  }

  dimension: year_on_year {
    type: number
    sql: ${TABLE}.year_on_year ;;
    description: "Amount ÷ previous_year_amount − 1; null where that is null or 0."
  }

  dimension: usual_amount {
    type: number
    sql: ${TABLE}.usual_amount ;;
    description: "Of a day: the median amount of the same weekday in the weeks around it."
  }

  dimension: odd_score {
    type: number
    sql: ${TABLE}.odd_score ;;
    description: "Of a day: how far its amount is from the usual one, in robust standard deviations."
  }

  dimension: is_odd {
    type: yesno
    sql: ${TABLE}.is_odd ;;
    description: "The day's odd_score is above insights.odd_score in size."
  }

  dimension: remark {
    type: string
    sql: ${TABLE}.remark ;;
    description: "What is odd about it, in words."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_sales_by_category {
  sql_table_name: report_sales_by_category ;;
  # How sales spread over categories, product groups and brands; fees are left out.

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: category_kind {
    type: string
    sql: ${TABLE}.category_kind ;;
    description: "category (the first part of its path), product_group or brand."
  }

  dimension: category {
    type: string
    sql: ${TABLE}.category ;;
    description: "Which; `(none)` where a product has none."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines in it."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines in it."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines in it; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line in it."
  }

  dimension: line_share {
    type: number
    sql: ${TABLE}.line_share ;;
    description: "Share of the sale lines of its period and buyers."
  }

  dimension: spend_share {
    type: number
    sql: ${TABLE}.spend_share ;;
    description: "Share of the spend of its period and buyers; null in a shop without prices."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among its period, buyers and kind; ties by name."
  }

  dimension: rank_by_spend {
    type: number
    sql: ${TABLE}.rank_by_spend ;;
    description: "Place by spend among its period, buyers and kind; null without prices."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_cohort_retention {
  sql_table_name: report_cohort_retention ;;
  # Of the customers who first bought in a month, how many bought again in each month after.

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension_group: cohort_month {
    type: time
    timeframes: [raw, date, week, month, quarter, year]
    convert_tz: no
    datatype: date
    sql: ${TABLE}.cohort_month ;;
    description: "First day of the month of the customers' first order."
  }

  dimension: months_since {
    type: number
    sql: ${TABLE}.months_since ;;
    description: "Months from then; 0 is that month itself."
  }

  dimension: customer_count {
    type: number
    sql: ${TABLE}.customer_count ;;
    description: "Customers of the cohort."
  }

  dimension: active_customer_count {
    type: number
    sql: ${TABLE}.active_customer_count ;;
    description: "Of these, the ones with an order in the month."
  }

  dimension: retention {
    type: number
    sql: ${TABLE}.retention ;;
    description: "active_customer_count ÷ customer_count."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines of theirs in the month."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines of theirs in the month."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines of theirs in the month; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line of theirs in the month."
  }

  dimension: is_whole {
    type: yesno
    sql: ${TABLE}.is_whole ;;
    description: "The month had ended at the cut-off."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_basket_pairs {
  sql_table_name: report_basket_pairs ;;
  # Products that are bought together, by product id; fees are left out.

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: product_a {
    type: string
    sql: ${TABLE}.product_a ;;
    description: "The product whose id sorts first."
  }

  dimension: product_b {
    type: string
    sql: ${TABLE}.product_b ;;
    description: "The other one."
  }

  dimension: description_a {
    type: string
    sql: ${TABLE}.description_a ;;
    description: "Name of product_a."
  }

  dimension: description_b {
    type: string
    sql: ${TABLE}.description_b ;;
    description: "Name of product_b."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with both."
  }

  dimension: order_count_a {
    type: number
    sql: ${TABLE}.order_count_a ;;
    description: "Orders with product_a."
  }

  dimension: order_count_b {
    type: number
    sql: ${TABLE}.order_count_b ;;
    description: "Orders with product_b."
  }

  dimension: basket_count {
    type: number
    sql: ${TABLE}.basket_count ;;
    description: "Orders in all."
  }

  dimension: support {
    type: number
    sql: ${TABLE}.support ;;
    description: "order_count ÷ basket_count."
  }

  dimension: confidence_a_to_b {
    type: number
    sql: ${TABLE}.confidence_a_to_b ;;
    description: "order_count ÷ order_count_a: of the orders with a, those with b."
  }

  dimension: confidence_b_to_a {
    type: number
    sql: ${TABLE}.confidence_b_to_a ;;
    description: "order_count ÷ order_count_b."
  }

  dimension: lift {
    type: number
    sql: ${TABLE}.lift ;;
    description: "support ÷ (share of orders with a × share of orders with b); 1 is chance."
  }

  dimension: rank_by_orders {
    type: number
    sql: ${TABLE}.rank_by_orders ;;
    description: "Place by orders with both among its buyers; ties by id."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_spend_concentration {
  sql_table_name: report_spend_concentration ;;
  # How much of the sales the top customers hold: a tenth of the customers a row, the best first.

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: tenth {
    type: number
    sql: ${TABLE}.tenth ;;
    description: "1 for the tenth of the customers who bought most."
  }

  dimension: measure {
    type: string
    sql: ${TABLE}.measure ;;
    description: "gross_spend, or line_count in a shop without prices."
  }

  dimension: customer_count {
    type: number
    sql: ${TABLE}.customer_count ;;
    description: "Customers in it."
  }

  dimension: amount {
    type: number
    sql: ${TABLE}.amount ;;
    description: "What they bought."
  }

  dimension: share {
    type: number
    sql: ${TABLE}.share ;;
    description: "Share of what all of them bought."
  }

  dimension: cumulative_share {
    type: number
    sql: ${TABLE}.cumulative_share ;;
    description: "The same, with the tenths above."
  }

  dimension: least_amount {
    type: number
    sql: ${TABLE}.least_amount ;;
    description: "The least that one of them bought."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_product_margins {
  sql_table_name: report_product_margins ;;
  # Margin beside sales, for the products whose margin the products dataset states; fees are left out.

  dimension: period {
    type: string
    sql: ${TABLE}.period ;;
    description: "`all`, a calendar year such as 2011, or a month such as 2011-11."
  }

  dimension: buyers {
    type: string
    sql: ${TABLE}.buyers ;;
    description: "Whose orders: `everyone`, `known` customers, `anonymous` ones, or a segment's number."
  }

  dimension: product_id {
    type: string
    sql: ${TABLE}.product_id ;;
    description: "The product."
  }

  dimension: description {
    type: string
    sql: ${TABLE}.description ;;
    description: "The product's name."
  }

  dimension: product_group {
    type: string
    sql: ${TABLE}.product_group ;;
    description: "The product's group."
  }

  dimension: brand {
    type: string
    sql: ${TABLE}.brand ;;
    description: "The product's brand."
  }

  dimension: margin {
    type: number
    sql: ${TABLE}.margin ;;
    description: "Share of the price that is left after cost."
  }

  dimension: cost {
    type: number
    sql: ${TABLE}.cost ;;
    description: "What one unit costs the shop."
  }

  dimension: line_count {
    type: number
    sql: ${TABLE}.line_count ;;
    description: "Sale lines of it."
  }

  dimension: unit_count {
    type: number
    sql: ${TABLE}.unit_count ;;
    description: "Units on sale lines of it."
  }

  dimension: gross_spend {
    type: number
    sql: ${TABLE}.gross_spend ;;
    description: "Value of sale lines of it; null in a shop without prices."
  }

  dimension: order_count {
    type: number
    sql: ${TABLE}.order_count ;;
    description: "Orders with a sale line of it."
  }

  dimension: gross_profit {
    type: number
    sql: ${TABLE}.gross_profit ;;
    description: "gross_spend × margin; in a shop without prices unit_count × cost × margin ÷ (1 − margin). Null where that is not known."
  }

  dimension: rank_by_lines {
    type: number
    sql: ${TABLE}.rank_by_lines ;;
    description: "Place by sale lines among its period and buyers; ties go by id."
  }

  dimension: rank_by_profit {
    type: number
    sql: ${TABLE}.rank_by_profit ;;
    description: "Place by gross_profit among its period and buyers; null where that is."
  }

  dimension: period_kind {
    type: string
    sql: ${TABLE}.period_kind ;;
    description: "all, year or month; take one of them, for they overlap."
  }

  dimension: buyers_name {
    type: string
    sql: ${TABLE}.buyers_name ;;
    description: "The same in words: the segment's name, or whose orders these are."
  }
}

view: report_insights {
  sql_table_name: report_insights ;;
  # What the sales say, a sentence an insight; the numbers behind each are in the table of its name.

  dimension: name {
    primary_key: yes
    type: string
    sql: ${TABLE}.name ;;
    description: "The insight, and the table that holds its numbers."
  }

  dimension: position {
    type: number
    sql: ${TABLE}.position ;;
    description: "Order in which they are told."
  }

  dimension: title {
    type: string
    sql: ${TABLE}.title ;;
    description: "What it is called."
  }

  dimension: sentence {
    type: string
    sql: ${TABLE}.sentence ;;
    description: "What it says of the whole time."
  }

  dimension: row_count {
    type: number
    sql: ${TABLE}.row_count ;;
    description: "Rows of its table."
  }
}
