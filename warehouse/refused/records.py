"""In words, the rules about whole records, which the parsers and conform give besides those of the contract.

A record that one of these refuses could not be read as columns, or contradicts another one, so that no single value is
at fault. A test collects the rules from the code and fails for one without words here.
"""

from __future__ import annotations

from warehouse.title import Title

_EXPORT_AGAIN = Title(
    zh="在源系统中核对该记录，修正后重新导出整个文件",
    en="check the record in its own system, mend it there, and export the whole file again",
)
_SAVE_IN_EXCEL = Title(
    zh="用 Excel 打开该文件，修正所在单元格，保存后重新报送",
    en="open the file in Excel, mend the cell, save it, and send it again",
)

RECORD_RULES: dict[str, tuple[Title, Title]] = {
    "bare_carriage_return": (
        Title(zh="记录中有单独的回车符（CR），无法判断记录在何处结束", en="a carriage return without a line feed"),
        Title(zh="每行以换行符（LF 或 CR LF）结尾，删除字段中的回车符", en="end lines with LF or CR LF only"),
    ),
    "malformed_quote": (
        Title(zh="引号不规范：引号字段前后还有文字", en="text beside a quoted field"),
        Title(
            zh="字段含引号时，整个字段加引号，并将其中的引号写成两个",
            en="quote the whole field, and double each quote that belongs to its text",
        ),
    ),
    "record_too_long": (
        Title(zh="记录过长", en="the record is too long"),
        Title(
            zh="核对是否漏了换行或引号未闭合，并缩短过长的文本",
            en="look for a missing line end or an open quote, and shorten what is too long",
        ),
    ),
    "nul_byte": (
        Title(zh="记录含 NUL 字符", en="the record holds a NUL character"),
        Title(zh="删除不可见的 NUL 字符后重新导出", en="remove the invisible NUL characters and export again"),
    ),
    "encoding": (
        Title(zh="记录不是约定的字符编码", en="the record is not in the agreed encoding"),
        Title(
            zh="按约定的字符编码重新导出，不要混用编码",
            en="export in the agreed encoding; do not put files of several encodings together",
        ),
    ),
    "ragged": (
        Title(zh="字段个数与表头不符", en="the record has more or fewer fields than the header"),
        Title(
            zh="核对是否漏写或多写分隔符；字段含分隔符时须加引号",
            en="look for a missing or superfluous delimiter; quote fields that contain it",
        ),
    ),
    "repeated_header": (
        Title(zh="数据中间重复出现表头", en="a header among the records"),
        Title(zh="合并文件时删除后续文件的表头", en="leave out the further headers when files are put together"),
    ),
    "record_type": (
        Title(zh="记录类型代码未约定", en="the type of the record is not agreed"),
        Title(zh="核对记录类型代码；新类型请先商定", en="check the type's code; agree a new type before sending it"),
    ),
    "line_too_short": (
        Title(zh="定长记录长度不足", en="the line is shorter than agreed"),
        Title(
            zh="各字段用空格补足约定宽度，行尾空格不得删除", en="pad fields with blanks; keep those at the line's end"
        ),
    ),
    "line_too_long": (
        Title(zh="定长记录超过约定长度", en="the line is longer than agreed"),
        Title(zh="核对各字段宽度，删除多余字符", en="check the width of each field and remove what is too much"),
    ),
    "split_character": (
        Title(zh="汉字被字段边界切断", en="a field begins or ends within a character"),
        Title(zh="按约定的宽度单位（字节或字符）重新导出", en="count widths as agreed, in bytes or in characters"),
    ),
    "repeated_element": (
        Title(
            zh="同一记录中元素重复，无法判断取哪一个", en="an element is there twice, and which one counts is unknown"
        ),
        _EXPORT_AGAIN,
    ),
    "repeated_field": (
        Title(zh="同一字段重复，无法判断取哪一个", en="a field is there twice, and which one counts is unknown"),
        _EXPORT_AGAIN,
    ),
    "hl7_header": (
        Title(
            zh="消息头（MSH）不完整，或分隔符无法辨认", en="the message header (MSH) or its delimiters are not sound"
        ),
        _EXPORT_AGAIN,
    ),
    "hl7_no_message": (
        Title(zh="内容不属于任何消息：前面没有消息头（MSH）", en="text outside any message: no MSH before it"),
        _EXPORT_AGAIN,
    ),
    "hl7_message_type": (
        Title(zh="消息类型（MSH-9）未约定", en="the type of the message (MSH-9) is not agreed"),
        Title(
            zh="只报送约定类型的消息；新类型请先商定",
            en="send the agreed types only; agree a new one before sending it",
        ),
    ),
    "hl7_encoding": (
        Title(
            zh="消息声明的字符集（MSH-18）与约定不符", en="the message says another character set (MSH-18) than agreed"
        ),
        Title(zh="按约定的字符集导出，并在 MSH-18 如实填写", en="export in the agreed set, and say so in MSH-18"),
    ),
    "hl7_cut_off": (
        Title(zh="消息不完整：没有结束", en="the message is cut off: its end is missing"),
        _EXPORT_AGAIN,
    ),
    "hl7_no_record": (
        Title(zh="消息中没有约定的数据段", en="the message has none of the segments that are agreed"),
        Title(zh="补齐数据段后重新报送该消息", en="send the message again with its segments"),
    ),
    "repeated_member": (
        Title(zh="同一记录中字段重复，无法判断取哪一个", en="a member is there twice, and which one counts is unknown"),
        _EXPORT_AGAIN,
    ),
    "json_malformed": (
        Title(zh="记录不是有效的 JSON 对象", en="the record is no JSON object"),
        Title(
            zh="用系统导出功能生成 JSON，不要手工拼接或修改",
            en="let a program write the JSON; do not put it together by hand",
        ),
    ),
    "resource_type": (
        Title(
            zh="资源类型与所在文件不符（resourceType）",
            en="the resource is of another type than its file (resourceType)",
        ),
        Title(zh="核对导出程序：每个文件只含一种资源", en="check the export: a file holds resources of one type"),
    ),
    "fhir_version": (
        Title(zh="资源不是 FHIR R4 版本", en="the resource is not of FHIR R4"),
        Title(
            zh="按 FHIR R4（4.0）导出；升级版本请先与数据湖管理方商定",
            en="export FHIR R4 (4.0); agree another version with the lake's operators first",
        ),
    ),
    "cell_broken": (Title(zh="单元格已损坏，无法读取", en="a cell is damaged and cannot be read"), _SAVE_IN_EXCEL),
    "cell_misplaced": (Title(zh="单元格位置有误", en="a cell is not where it says it is"), _SAVE_IN_EXCEL),
    "cell_error": (
        Title(zh="单元格是错误值（如 #N/A、#REF!）", en="a cell holds an error, such as #N/A or #REF!"),
        Title(zh="修正公式，或改填数值后保存", en="mend the formula, or put the value in its place, and save"),
    ),
    "text_without_value": (Title(zh="文本单元格没有内容", en="a text cell without its text"), _SAVE_IN_EXCEL),
    "formula_without_value": (
        Title(zh="公式没有保存计算结果", en="a formula without a saved value"),
        Title(
            zh="用 Excel 打开文件，重新计算并保存后报送", en="open the file in Excel, let it compute, save and send it"
        ),
    ),
    "merged_cell": (
        Title(zh="数据区有合并单元格", en="merged cells among the data"),
        Title(zh="取消合并，并在每一行填写内容", en="unmerge the cells and fill in every row"),
    ),
    "cell_type": (
        Title(
            zh="单元格类型与约定不符（如数字存为文本）",
            en="a cell is of another type than agreed, such as text for a date",
        ),
        Title(zh="将单元格设为约定的类型（日期、数值或文本）", en="make it a date, number or text cell as agreed"),
    ),
    "number_precision": (
        Title(zh="数字位数过多，Excel 已丢失末位数字", en="the number has more digits than Excel keeps"),
        Title(
            zh="长编号设为文本格式后重新填写，不要用数字格式",
            en="make cells of long numbers text cells and enter them again",
        ),
    ),
    "unnamed_column": (
        Title(zh="没有表头的列中有内容", en="a value in a column without a heading"),
        Title(
            zh="删除表格外的内容，或为该列填写约定的表头", en="remove what stands beside the table, or name its column"
        ),
    ),
    "key_conflict": (
        Title(zh="与前面的记录主键相同而内容不同", en="an earlier record has the same key and other content"),
        Title(
            zh="核对哪一条正确，每个主键只报送一条记录",
            en="find out which one is right, and send one record for each key",
        ),
    ),
    "outside_span": (
        Title(zh="记录的时间不在所报时段内", en="the record's time lies outside the span that was declared"),
        Title(zh="核对记录时间，或在所属时段的文件中报送", en="check the time, or send the record with its own span"),
    ),
}
"""Words and how to mend, by rule."""
