import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import java.nio.file.Files;
import java.nio.file.Path;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;

/** Validates every .json file of a folder against FHIR R4; prints `file severity path message`, one a line. */
public class Validate {
    public static void main(String[] arguments) throws Exception {
        FhirContext context = FhirContext.forR4();
        ValidationSupportChain support =
                new ValidationSupportChain(
                        new DefaultProfileValidationSupport(context),
                        new InMemoryTerminologyServerValidationSupport(context),
                        new CommonCodeSystemsTerminologyService(context));
        FhirValidator validator = context.newValidator();
        validator.registerValidatorModule(new FhirInstanceValidator(support));
        try (var files = Files.newDirectoryStream(Path.of(arguments[0]), "*.json")) {
            for (Path file : files) {
                for (var found : validator.validateWithResult(Files.readString(file)).getMessages()) {
                    System.out.println(
                            file.getFileName() + " " + found.getSeverity() + " " + found.getLocationString() + " "
                                    + found.getMessage().replace("\n", " "));
                }
            }
        }
    }
}
