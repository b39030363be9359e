import java.io.File;
import org.apache.avro.Conversions;
import org.apache.avro.Schema;
import org.apache.avro.SchemaNormalization;
import org.apache.avro.data.TimeConversions;
import org.apache.avro.file.CodecFactory;
import org.apache.avro.file.DataFileReader;
import org.apache.avro.file.DataFileWriter;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;

/** Reads the files ours-CODEC.avro of a folder through Apache Avro's own values, and writes java-CODEC.avro. */
public class Interop {
  public static void main(String[] arguments) throws Exception {
    GenericData data = new GenericData();
    data.addLogicalTypeConversion(new Conversions.DecimalConversion());
    data.addLogicalTypeConversion(new Conversions.UUIDConversion());
    data.addLogicalTypeConversion(new TimeConversions.DateConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimeMillisConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimeMicrosConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimestampMillisConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimestampMicrosConversion());
    data.addLogicalTypeConversion(new TimeConversions.TimestampNanosConversion());
    data.addLogicalTypeConversion(new TimeConversions.LocalTimestampMicrosConversion());
    for (String codec : new String[] {"null", "deflate", "snappy", "zstandard"}) {
      File ours = new File(arguments[0], "ours-" + codec + ".avro");
      File theirs = new File(arguments[0], "java-" + codec + ".avro");
      GenericDatumReader<Object> datumReader = new GenericDatumReader<>(null, null, data);
      try (DataFileReader<Object> reader = new DataFileReader<>(ours, datumReader)) {
        Schema schema = reader.getSchema();
        GenericDatumWriter<Object> datumWriter = new GenericDatumWriter<>(schema, data);
        try (DataFileWriter<Object> writer = new DataFileWriter<>(datumWriter)) {
          writer.setCodec(CodecFactory.fromString(codec));
          writer.create(schema, theirs);
          boolean first = codec.equals("null");
          for (Object datum : reader) {
            if (first) {
              GenericRecord record = (GenericRecord) datum;
              for (String name : new String[] {
                "long", "decimal", "small", "date", "time", "finer", "at", "nanos", "local", "id"
              }) {
                System.out.println(name + " " + record.get(name));
              }
              first = false;
            }
            writer.append(datum);
          }
        }
        if (codec.equals("null")) {
          long fingerprint = SchemaNormalization.parsingFingerprint64(schema);
          System.out.println("fingerprint " + Long.toHexString(fingerprint));
        }
      }
    }
  }
}
