import com.google.protobuf.ByteString;
import com.google.protobuf.DescriptorProtos.FileDescriptorProto;
import com.google.protobuf.DescriptorProtos.FileDescriptorSet;
import com.google.protobuf.Descriptors.Descriptor;
import com.google.protobuf.Descriptors.FileDescriptor;
import com.google.protobuf.Descriptors.MethodDescriptor;
import com.google.protobuf.DynamicMessage;
import com.google.protobuf.util.JsonFormat;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.InsecureServerCredentials;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.TlsServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.ProtoFileDescriptorSupplier;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.File;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A server of grpc-java with reflection, of test.v1.Behaviour as a descriptor set describes it.
 *
 * <p>Usage: GrpcFarSide PORT DESCRIPTOR_SET idle|age [CERT KEY CA]; it ends connections after a
 * second without a call, or a second after they began. It prints a line of JSON for each call.
 */
public class GrpcFarSide {
  static final Context.Key<String> ID = Context.key("id");
  static final Metadata.Key<String> ID_HEADER =
      Metadata.Key.of("x-chronos-execution-id", Metadata.ASCII_STRING_MARSHALLER);

  public static void main(String[] words) throws Exception {
    FileDescriptor file = read(Path.of(words[1])).get("behaviour.proto");
    InetSocketAddress address = new InetSocketAddress("127.0.0.1", Integer.parseInt(words[0]));
    NettyServerBuilder builder =
        NettyServerBuilder.forAddress(address, credentials(words))
            .addService(behaviour(file))
            .addService(ProtoReflectionServiceV1.newInstance())
            .intercept(new Identified());
    if (words[2].equals("idle")) {
      builder.maxConnectionIdle(1, TimeUnit.SECONDS);
    } else {
      builder.maxConnectionAge(1, TimeUnit.SECONDS);
    }
    builder.build().start().awaitTermination();
  }

  static ServerCredentials credentials(String[] words) throws Exception {
    if (words.length == 3) {
      return InsecureServerCredentials.create();
    }
    return TlsServerCredentials.newBuilder()
        .keyManager(new File(words[3]), new File(words[4]))
        .trustManager(new File(words[5]))
        .clientAuth(TlsServerCredentials.ClientAuth.REQUIRE)
        .build();
  }

  /** Reads files in which each stands behind those that it imports. */
  static Map<String, FileDescriptor> read(Path set) throws Exception {
    Map<String, FileDescriptor> files = new HashMap<>();
    for (FileDescriptorProto one : FileDescriptorSet.parseFrom(Files.readAllBytes(set)).getFileList()) {
      FileDescriptor[] imports =
          one.getDependencyList().stream().map(files::get).toArray(FileDescriptor[]::new);
      files.put(one.getName(), FileDescriptor.buildFrom(one, imports));
    }
    return files;
  }

  static ServerServiceDefinition behaviour(FileDescriptor file) {
    List<io.grpc.MethodDescriptor<DynamicMessage, DynamicMessage>> methods =
        file.findServiceByName("Behaviour").getMethods().stream()
            .filter(method -> List.of("Take", "Status", "Count").contains(method.getName()))
            .map(GrpcFarSide::described)
            .toList();
    io.grpc.ServiceDescriptor.Builder service =
        io.grpc.ServiceDescriptor.newBuilder("test.v1.Behaviour")
            .setSchemaDescriptor((ProtoFileDescriptorSupplier) () -> file);
    methods.forEach(service::addMethod);
    Descriptor reply = file.findMessageTypeByName("Taken");
    return ServerServiceDefinition.builder(service.build())
        .addMethod(methods.get(0), ServerCalls.asyncUnaryCall((asked, out) -> take(asked, reply, out)))
        .addMethod(methods.get(1), ServerCalls.asyncUnaryCall(GrpcFarSide::status))
        .addMethod(
            methods.get(2), ServerCalls.asyncServerStreamingCall((asked, out) -> count(asked, reply, out)))
        .build();
  }

  static io.grpc.MethodDescriptor<DynamicMessage, DynamicMessage> described(MethodDescriptor method) {
    return io.grpc.MethodDescriptor.<DynamicMessage, DynamicMessage>newBuilder()
        .setFullMethodName(method.getService().getFullName() + "/" + method.getName())
        .setType(
            method.isServerStreaming()
                ? io.grpc.MethodDescriptor.MethodType.SERVER_STREAMING
                : io.grpc.MethodDescriptor.MethodType.UNARY)
        .setRequestMarshaller(
            ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getInputType())))
        .setResponseMarshaller(
            ProtoUtils.marshaller(DynamicMessage.getDefaultInstance(method.getOutputType())))
        .build();
  }

  static void take(DynamicMessage asked, Descriptor reply, StreamObserver<DynamicMessage> out) {
    try {
      String request = JsonFormat.printer().omittingInsignificantWhitespace().print(asked);
      System.out.println("{\"id\": \"" + ID.get() + "\", \"request\": " + request + "}");
    } catch (Exception error) {
      out.onError(Status.INTERNAL.withDescription(error.toString()).asException());
      return;
    }
    ByteString raw = (ByteString) field(asked, "raw");
    out.onNext(
        DynamicMessage.newBuilder(reply)
            .setField(reply.findFieldByName("accepted"), true)
            .setField(reply.findFieldByName("number"), 9007199254740993L)
            .setField(reply.findFieldByName("blob"), raw)
            .build());
    out.onCompleted();
  }

  static void status(DynamicMessage asked, StreamObserver<DynamicMessage> out) {
    String message = (String) field(asked, "message");
    out.onError(
        Status.fromCodeValue((int) field(asked, "code")).withDescription(message).asException());
  }

  static void count(DynamicMessage asked, Descriptor reply, StreamObserver<DynamicMessage> out) {
    for (long number = 1; number <= (int) field(asked, "size"); number++) {
      out.onNext(
          DynamicMessage.newBuilder(reply).setField(reply.findFieldByName("number"), number).build());
    }
    out.onCompleted();
  }

  static Object field(DynamicMessage message, String name) {
    return message.getField(message.getDescriptorForType().findFieldByName(name));
  }

  /** Hands the execution's ID on to the methods. */
  static class Identified implements ServerInterceptor {
    public <A, B> ServerCall.Listener<A> interceptCall(
        ServerCall<A, B> call, Metadata headers, ServerCallHandler<A, B> next) {
      Context context = Context.current().withValue(ID, headers.get(ID_HEADER));
      return Contexts.interceptCall(context, call, headers, next);
    }
  }
}
